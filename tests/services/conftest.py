from tests.gated import gated as gated
from tests.gated import wire as wire
