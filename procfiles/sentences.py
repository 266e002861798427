"""Pure. The problems of definition files as sentences; npm portweave's texts are for programs."""

from portweave.procfiles.tree import Keys

# JSON's and npm portweave's names of types, as a beginner knows them.
_TYPES = {
    "object": "a mapping of names to values",
    "record": "a mapping of names to values",
    "array": "a list",
    "string": "text",
    "number": "a number",
    "boolean": "true or false",
}
_RECEIVED = {
    **_TYPES,
    "object": "a mapping",
    "boolean": "true or false",
    "null": "empty",
}
_EXAMPLE = "\nservices:\n  web:\n    command: npm start"
_WRONG_TYPE = "Invalid input: expected "
_SIZES = {
    "Too small: expected string to have >=1 characters": "must not be empty",
    "Too small: expected array to have >=1 items": "must be text",
    "Too big: expected string to have <=100 characters": "is longer than 100 characters",
    "envVar must match /^[A-Z][A-Z0-9_]*$/": "must be capital letters, digits and _",
    "group must be a non-empty string": "must not be empty",
}


def sentence(keys: Keys, message: str, noted: Keys) -> str:
    """A problem as a sentence.

    Args:
        keys: The path of the value.
        message: The problem's text for programs.
        noted: The path of the one place that the sentence is about: `keys`, or a key below it.
    """
    if message.startswith("Unrecognized key"):
        return f"unknown key '{noted[-1]}' in {thing(keys)}"
    if message == "duplicate key":
        return f"the key '{keys[-1]}' is there twice in {thing(keys[:-1])}"
    if message == "services must contain at least one entry":
        return "no service is defined"
    if message == "Invalid key in record":
        kind = "a service" if len(keys) == 2 else "a variable"
        return f"'{keys[-1]}' cannot be the name of {kind}"
    if message in _SIZES:
        return f"{thing(keys)} {_SIZES[message]}"
    if message.startswith(_WRONG_TYPE):
        expected, _, received = message.removeprefix(_WRONG_TYPE).partition(", received ")
        return _wrong_type(keys, expected, received)
    for beginning in ("unknown service ", "template references unknown service "):
        if message.startswith(beginning):
            return f"unknown service '{message[len(beginning) + 1 : -1]}' in {thing(keys)}"
    if message.startswith("duplicate identifier "):
        name, place = message.split('"')[1], message.rpartition(" at ")[2]
        return f"the variable {name} is there twice: {thing(tuple(place.split('.')))} has it too"
    if message.startswith("a command is given on line "):
        return f"{thing(keys)} is given {message.removeprefix('a command is given ')}"
    if message.startswith("dependency cycle: "):
        return f"services depend on each other: {message.partition(': ')[2]}"
    message = message.replace("an integer in [1, 100]", "a whole number from 1 to 100")
    last = str(keys[-1]) if keys else ""
    if last and message.startswith((f"{last} must ", f"{last} is ")):
        return f"{thing(keys)} {message.removeprefix(last).strip()}"
    if message.startswith(("must ", "is ", "has ", "needs ")):
        return f"{thing(keys)} {message}"
    if message.startswith("not a "):
        return f"{thing(keys)} is {message}"
    where = thing(keys)
    return message if where == "the file" else f"{message}, in {where}"


def is_about_key(keys: Keys, message: str) -> bool:
    """Whether a problem is about the key, and not about its value.

    Args:
        keys: The path of the value.
        message: The problem's text for programs.
    """
    if message.startswith(
        ("Unrecognized key", "Invalid key in record", "not a name of a variable")
    ):
        return True
    if message.endswith((" are the same key", " is reserved and does not exist yet")):
        return True
    is_variable = len(keys) > 2 and keys[-2] in ("discoveryEnv", "environment")
    return is_variable and message.startswith(("env var ", "duplicate identifier "))


def hint_for(keys: Keys, message: str, hint: str) -> str:
    """What a terminal tells to do: a hint, with an example where a beginner needs one.

    Args:
        keys: The path of the value.
        message: The problem's text for programs.
        hint: The hint for programs; may be empty.
    """
    if not keys and message == f"{_WRONG_TYPE}object, received null":
        return f"begin with these lines:{_EXAMPLE}"
    if keys == ("services",) and message == f"{_WRONG_TYPE}record, received undefined":
        return f"put all services below the key services:{_EXAMPLE}"
    if keys == ("services",) and message == f"{_WRONG_TYPE}record, received array":
        return f"give each service a name with a colon, without a dash:{_EXAMPLE}"
    if message == f"{_WRONG_TYPE}string, received undefined" and keys[-1] == "envVar":
        variable = str(keys[1]).upper().replace("-", "_")
        return f"add what starts it, as command: npm start; or only envVar: {variable}_PORT"
    if not hint and message == "duplicate key":
        return "remove one of them, or rename it"
    if not hint and message.startswith("Unrecognized key"):
        return "portweave schema prints all keys; a key of your own begins with x-"
    return hint


def thing(keys: Keys) -> str:
    """What stands at a path, in words: `service web`, or `'ready.http' of service web`."""
    match keys:
        case ():
            return "the file"
        case ("services",):
            return "services"
        case ("services", name):
            return f"service {name}"
        case ("services", name, *rest):
            return f"'{_path(rest)}' of service {name}"
        case ("hooks", name):
            return f"hook {name}"
        case ("hooks", name, *rest):
            return f"'{_path(rest)}' of hook {name}"
        case _:
            return f"'{_path(list(keys))}'"


def _path(keys: list[str | int]) -> str:
    """A path in a service: `ready.http`; items of lists are counted from 1 in words."""
    text = ""
    for key in keys:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else key
    return text


def _wrong_type(keys: Keys, expected: str, received: str) -> str:
    words = expected.replace(" or ", ", ").split(", ")
    types = [_TYPES.get(word, word) for word in words]
    wanted = ", ".join(types[:-1]) + " or " + types[-1] if len(types) > 1 else types[0]
    if len(keys) == 2 and keys[0] == "services" and received == "string":
        return f"service {keys[1]} is only text: its command needs a key"
    if keys == ("services",) and received == "array":
        return "services is a list, where each service needs a name"
    if received == "undefined":
        return f"{thing(keys[:-1])} has no '{keys[-1]}'"
    if received == "null":
        return f"{thing(keys)} is empty"
    return f"{thing(keys)} must be {wanted}, not {_RECEIVED.get(received, received)}"
