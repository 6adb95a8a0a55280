"""What can be wrong with the meaning of a text: names and values, chains and blocks, files, promises.

Each class is listed here, or it has no page.
"""

from archdsl.elaborate.faults.chains import BadCount as BadCount
from archdsl.elaborate.faults.chains import BlockArguments as BlockArguments
from archdsl.elaborate.faults.chains import InputSize as InputSize
from archdsl.elaborate.faults.chains import LeftOut as LeftOut
from archdsl.elaborate.faults.chains import Misplaced as Misplaced
from archdsl.elaborate.faults.chains import NameTaken as NameTaken
from archdsl.elaborate.faults.chains import NoName as NoName
from archdsl.elaborate.faults.chains import NoNetwork as NoNetwork
from archdsl.elaborate.faults.chains import NoProjection as NoProjection
from archdsl.elaborate.faults.chains import NothingComesIn as NothingComesIn
from archdsl.elaborate.faults.chains import OutsideTensor as OutsideTensor
from archdsl.elaborate.faults.chains import Recursion as Recursion
from archdsl.elaborate.faults.chains import SharedDiffers as SharedDiffers
from archdsl.elaborate.faults.chains import WhichNetwork as WhichNetwork
from archdsl.elaborate.faults.files import ForeignFile as ForeignFile
from archdsl.elaborate.faults.files import NotInFile as NotInFile
from archdsl.elaborate.faults.files import OutsideRoot as OutsideRoot
from archdsl.elaborate.faults.files import UnknownFile as UnknownFile
from archdsl.elaborate.faults.files import UnreadableFile as UnreadableFile
from archdsl.elaborate.faults.files import UseCycle as UseCycle
from archdsl.elaborate.faults.names import DefinedTwice as DefinedTwice
from archdsl.elaborate.faults.names import NoSuchHyperparameter as NoSuchHyperparameter
from archdsl.elaborate.faults.names import NoSuchProperty as NoSuchProperty
from archdsl.elaborate.faults.names import NotAName as NotAName
from archdsl.elaborate.faults.names import NotSet as NotSet
from archdsl.elaborate.faults.names import ReservedName as ReservedName
from archdsl.elaborate.faults.names import Shadows as Shadows
from archdsl.elaborate.faults.names import UnknownElement as UnknownElement
from archdsl.elaborate.faults.names import UnknownName as UnknownName
from archdsl.elaborate.faults.names import Unpacked as Unpacked
from archdsl.elaborate.faults.names import WrongValue as WrongValue
from archdsl.elaborate.faults.promises import DoesNotHold as DoesNotHold
from archdsl.elaborate.faults.promises import NoSizeFits as NoSizeFits
from archdsl.elaborate.faults.promises import NotForAllSizes as NotForAllSizes
from archdsl.elaborate.faults.promises import ShapeDiffers as ShapeDiffers
from archdsl.elaborate.faults.promises import WeightsOfOpenSize as WeightsOfOpenSize
