"""Stack records for tests."""

import os
from typing import Any

from portweave.supervisor.registry.stack_records import StackRecord
from portweave.system.processes import started_at


def make_record(root: object, **fields: Any) -> StackRecord:
    """Build the record of a stack `shop/main` that this process runs.

    Args:
        root: The worktree's root.
        fields: Attributes that differ.
    """
    pid = fields.get("pid", os.getpid())
    usual: dict[str, Any] = {
        "pid": pid,
        "start": started_at(pid) or "",
        "project": "shop",
        "namespace": "main",
        "root": str(root),
        "ports": {},
        "tag": "",
    }
    return StackRecord(**(usual | fields))
