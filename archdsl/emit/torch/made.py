"""The files of live modules, as a package: `archdsl.emit.torch.made.NAME` is NAME.py in the user's cache.

So a pickled module finds its class in any process of the same user, one that `spawn` starts among them. On another
machine it does not: send the emitted file, or the text and the weights.
"""

from __future__ import annotations

from platformdirs import user_cache_path

__path__ = [str(user_cache_path("archdsl"))]
