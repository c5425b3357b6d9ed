#!/usr/bin/env bash
# OpenTelemetry SDK for Python 1.45.2: `force_flush(timeout_millis)` does not end when its time is over.
#
# With the batch processor and the OTLP exporter, `TracerProvider.force_flush(2000)` waits for every batch in the queue, and
# for each until the exporter has given up on it: with a collector that cannot be reached, that is seven seconds a batch (the
# exporter's own tries), however little time was given. A process that flushes at its end waits for as long.
# Seen: opentelemetry-sdk 1.45.2, opentelemetry-exporter-otlp-proto-http 1.45.2, Python 3.11; nine spans, one batch, 1000 ms given: 8 s.
# Fails once it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  opentelemetry-sdk==1.45.2 opentelemetry-exporter-otlp-proto-http==1.45.2
env -u OTEL_SDK_DISABLED OTEL_BSP_SCHEDULE_DELAY=60000 OTEL_BSP_MAX_EXPORT_BATCH_SIZE=10 "$folder/venv/bin/python" - <<'PYTHON'
import logging
import os
import threading
import time

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

logging.disable(logging.CRITICAL)
provider = TracerProvider(shutdown_on_exit=False)
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint="http://127.0.0.1:9/v1/traces")))
tracer = provider.get_tracer("finding")
for _ in range(9):
    tracer.start_span("span").end()
began = time.monotonic()
flush = threading.Thread(target=provider.force_flush, args=(1000,), daemon=True)
flush.start()
flush.join(60)
took = time.monotonic() - began
print(f"force_flush(1000) took {took:.1f} s")
assert took > 4, "the surprise is gone"
os._exit(0)
PYTHON
