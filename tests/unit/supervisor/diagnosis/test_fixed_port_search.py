import pytest

from portweave.supervisor.diagnosis.fixed_port_search import fixed_in_program, fixed_ports


@pytest.mark.parametrize(
    ("command", "ports"),
    [
        ("vite --port 5173", [5173]),
        ("vite --port=$PORT", []),
        ("postgres -p5433", [5433]),
        ("uvicorn main:app --host 0.0.0.0:8000", [8000]),
        ("python3 -m http.server 8000", [8000]),
        ("python3 -m http.server --bind 127.0.0.1 8000", [8000]),
        ("manage.py runserver 127.0.0.1:8000", [8000]),
        ("PORT=3000 node server.js", [3000]),
        ("a --port 1000 & b --port 2000", [1000, 2000]),
        ("psql -p 5432", []),
        ("curl http://127.0.0.1:8000", []),
        ("x --port 99999", []),
    ],
)
def test_ports_in_a_command(command: str, ports: list[int]) -> None:
    assert [found.port for found in fixed_ports(command)] == ports


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("app.listen(3000)", [(3000, True)]),
        ("const port = 3000", [(3000, False)]),
        ("app.listen(process.env.PORT || 3000)", []),
        ("const year = 2024", []),
        ("listen(80)", []),
    ],
)
def test_ports_in_a_program(line: str, found: list[tuple[int, bool]]) -> None:
    ports = fixed_in_program("web/server.ts", f"// first\n{line}\n")
    assert [(port.port, port.listens) for port in ports] == found
    assert all("process.env.PORT" in port.edit and "server.ts:2" in port.edit for port in ports)
