"""The program in which xllamacpp loads a model, run by its path: it needs nothing of ours but this file.

One JSON line on standard input says what to load. One line comes back: the address of its server, or why not. It ends
when standard input does, so also with a parent that was killed.
"""

import json
import os
import sys
from typing import Any


def start(what: dict[str, Any]) -> Any:
    """The library's server with a model in it. Raises RuntimeError."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path, params.api_keys = what["path"], [what["key"]]
    params.n_ctx, params.n_parallel, params.n_batch = what["context"] * what["slots"], what["slots"], what["batch"]
    params.cache_ram_mib = 0  # slots are kept by name, see kv_cache_files.py; the library's own default takes 8 GiB
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = what["threads"]
    params.verbosity, params.warmup, params.ui, params.endpoint_slots = -1, False, False, False
    if what["states"]:
        params.slot_save_path = f"{what['states']}{os.sep}"
    if what["embedding"]:
        params.embedding, params.n_batch, params.n_ubatch = True, what["context"], what["context"]
        params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    return xllamacpp.Server(params)


def main() -> None:
    """Serves until nobody is left who asks."""
    # Threads that spin while they wait make the model a hundred times slower beside a busy neighbour.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault("GGML_NO_BACKTRACE", "1")
    try:
        server = start(json.loads(sys.stdin.readline()))
    except (ImportError, RuntimeError) as error:
        sys.stdout.write(json.dumps({"error": str(error)}) + "\n")
        return
    sys.stdout.write(json.dumps({"address": server.listening_address}) + "\n")
    sys.stdout.flush()
    sys.stdin.read()
    os._exit(0)  # what it unloads in order nobody waits for


if __name__ == "__main__":
    main()
