"""The catalogue of all known formats, Shiftbook's own first."""

from handoff.secrets.formats import clouds, code, keys, messages, models, money
from handoff.secrets.formats.table import SecretFormat

FORMATS: tuple[SecretFormat, ...] = (
    *code.FORMATS,
    *models.FORMATS,
    *clouds.FORMATS,
    *messages.FORMATS,
    *money.FORMATS,
    *keys.FORMATS,
)
