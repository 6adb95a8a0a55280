"""Names that a layer cannot have: Python's words, and what `nn.Module` already has.

The list is nn.Module's `dir()` in torch 2.13, kept here so that checking a text needs no torch; a test compares it.
"""

from __future__ import annotations

import keyword

MODULE_NAMES = frozenset(
    """
    T_destination _apply _backward_hooks _backward_pre_hooks _buffers _call_impl _compiled_call_impl
    _forward_hooks _forward_hooks_always_called _forward_hooks_with_kwargs _forward_pre_hooks
    _forward_pre_hooks_with_kwargs _get_backward_hooks _get_backward_pre_hooks _get_name _is_full_backward_hook
    _load_from_state_dict _load_state_dict_post_hooks _load_state_dict_pre_hooks
    _maybe_warn_non_full_backward_hook _modules _named_members _non_persistent_buffers_set _parameters
    _register_load_state_dict_pre_hook _register_state_dict_hook _replicate_for_data_parallel _save_to_state_dict
    _slow_forward _state_dict_hooks _state_dict_pre_hooks _version _wrapped_call_impl add_module apply bfloat16
    buffers call_super_init children compile cpu cuda double dump_patches eval extra_repr float forward get_buffer
    get_extra_state get_parameter get_submodule half ipu load_state_dict modules mtia named_buffers named_children
    named_modules named_parameters parameters register_backward_hook register_buffer register_forward_hook
    register_forward_pre_hook register_full_backward_hook register_full_backward_pre_hook
    register_load_state_dict_post_hook register_load_state_dict_pre_hook register_module register_parameter
    register_state_dict_post_hook register_state_dict_pre_hook requires_grad_ set_extra_state set_submodule
    share_memory state_dict to to_empty train training type xpu zero_grad
    """.split()  # noqa: SIM905 - a list of 117 strings would be longer and no clearer
)

# what the containers of torch have besides, which hold the layers of a group by name
CONTAINER_NAMES = frozenset({"append", "clear", "extend", "insert", "items", "keys", "pop", "update", "values"})
_WRITTEN = frozenset(
    {"self", "super", "torch", "Tensor", "nn", "list", "getattr", "range", "pairwise", "OrderedDict", "init_weights"}
)


def is_reserved(name: str) -> bool:
    """Whether a layer of this name would hide something of Python or of torch's modules, or be hidden by it."""
    return _is_taken(name) or name in CONTAINER_NAMES


def _is_taken(name: str) -> bool:
    return keyword.iskeyword(name) or keyword.issoftkeyword(name) or name in MODULE_NAMES or name.startswith("__")


def is_reserved_variable(name: str) -> bool:
    """Whether a parameter, input or bound tensor of this name would hide what the emitted methods use."""
    return _is_taken(name) or name in _WRITTEN
