from snugnet.int8.engine import Model as Model
from snugnet.int8.engine import load as load
