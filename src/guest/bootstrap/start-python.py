"""Starts AWS's runtime interface client with Lambda's search order: the function's code, its layers, then the runtime's own modules."""

import os
import sys

RUNTIME_DIR = "/var/runtime"


def search_path(inherited):
    task_root = os.environ.get("LAMBDA_TASK_ROOT", "/var/task")
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    first = [task_root, f"/opt/python/lib/{version}/site-packages", "/opt/python", RUNTIME_DIR]
    return first + [entry for entry in inherited if entry not in first]


if __name__ == "__main__":
    sys.path[:] = search_path(sys.path)
    # The client comes from the runtime even if the function's code or a layer carries a copy of its own.
    sys.path.insert(0, RUNTIME_DIR)
    from awslambdaric.__main__ import main

    sys.path.pop(0)
    main(["awslambdaric", *sys.argv[1:]])
