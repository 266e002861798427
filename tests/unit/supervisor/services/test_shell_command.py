"""The arguments to execute for a command text."""

import pytest

from portweave.supervisor.services.shell_command import shell_argv

SIMPLE = {
    "one word": ("server", "exec server"),
    "a path": ("./bin/server", "exec ./bin/server"),
    "arguments": ("npm run dev -- --port $PORT", "exec npm run dev -- --port $PORT"),
    "blanks around it": ("  server -x \n", "  exec server -x "),
    "an assignment": ("PORT=3 server", "PORT=3 exec server"),
    "two assignments": ("A=1 B='x y' server", "A=1 B='x y' exec server"),
    "an empty assignment": ("A= server", "A= exec server"),
    "a redirection": ("server >log 2>&1", "exec server >log 2>&1"),
    "input from a descriptor": ("server <&3", "exec server <&3"),
    "operators in single quotes": ("server 'a; b && c | d'", "exec server 'a; b && c | d'"),
    "operators in double quotes": ('server "a; b" c', 'exec server "a; b" c'),
    "a substitution in double quotes": ('server "$(date)"', 'exec server "$(date)"'),
    "an operator behind a backslash": (r"server a\;b", r"exec server a\;b"),
    "a quote in quotes": ('server "it\'s" x', 'exec server "it\'s" x'),
    "a backslash in single quotes": ("server 'a\\' x", "exec server 'a\\' x"),
    "a line that goes on": ("server \\\n  -x", "exec server \\\n  -x"),
    "a builtin's name as an argument": ("make test", "exec make test"),
    "a word that begins as a builtin's": ("export-data x", "exec export-data x"),
    "a variable as an argument": ("server ${PORT:-3}", "exec server ${PORT:-3}"),
}


@pytest.mark.parametrize("name", SIMPLE)
def test_a_simple_command_replaces_the_shell(name: str) -> None:
    text, expected = SIMPLE[name]
    assert shell_argv(text) == ("/bin/sh", "-c", expected)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a && b", id="and"),
        pytest.param("a || b", id="or"),
        pytest.param("a | b", id="pipe"),
        pytest.param("a; b", id="list"),
        pytest.param("a &", id="background"),
        pytest.param("a & wait", id="background and more"),
        pytest.param("a &> log", id="bash's redirection, which is another thing to sh"),
        pytest.param("a\nb", id="two lines"),
        pytest.param("(a)", id="subshell"),
        pytest.param("{ a; }", id="braces"),
        pytest.param("a $(b)", id="substitution"),
        pytest.param("a `b`", id="backquotes"),
        pytest.param("! a", id="negation"),
        pytest.param("exec a", id="exec already"),
        pytest.param("cd x", id="builtin"),
        pytest.param("A=1 exec a", id="exec behind an assignment"),
        pytest.param("while true", id="keyword"),
        pytest.param("time a", id="keyword of some shells"),
        pytest.param("[ -f x ]", id="test"),
        pytest.param("A=1", id="assignment alone"),
        pytest.param("A=$(date) a", id="assignment from a substitution"),
        pytest.param("$CMD x", id="a command out of a variable"),
        pytest.param("~/bin/a", id="a command in the home"),
        pytest.param("'my server' x", id="a quoted command"),
        pytest.param('my"server" x', id="a partly quoted command"),
        pytest.param(r"my\ server x", id="a blank in the command"),
        pytest.param(">log a", id="redirection first"),
        pytest.param("a>log", id="redirection without a blank"),
        pytest.param("# a", id="comment alone"),
        pytest.param("a <<END\nx\nEND", id="here-document"),
        pytest.param("", id="nothing"),
        pytest.param("'a", id="a quote that does not end"),
    ],
)
def test_any_other_text_is_left_to_the_shell(text: str) -> None:
    assert shell_argv(text) == ("/bin/sh", "-c", text)
