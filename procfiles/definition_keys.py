"""Pure. The table of all keys of a service, as the JSON schema and the documents show it."""

from portweave.procfiles import life_keys, npm_keys, start_keys
from portweave.procfiles.fields import names

SERVICE = (*start_keys.KEYS, *npm_keys.KEYS, *life_keys.KEYS)
# npm portweave's keys first, so that its messages come first.
READING_ORDER = (*npm_keys.KEYS, *start_keys.KEYS, *life_keys.KEYS)
SERVICE_NAMES = names(SERVICE)
