"""What is an event of a supplier? A CloudEvent 1.0, read as what it is: somebody else's words."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from orchestrator.core.errors import WrongSetting

MAX_EVENTS = 100
"""Events of one batch."""
MAX_DATA_CHARS = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class CloudEvent:
    """One event. `digest` is of all that is read of it."""

    id: str
    source: str
    type: str
    subject: str
    time: datetime
    data: Any
    digest: str


def read_event(found: Any) -> CloudEvent:
    """An event from its JSON form. Raises WrongSetting, which names the attribute."""
    from pydantic import ValidationError

    from orchestrator.workflow.signals.event_attributes import EventAttributes

    if not isinstance(found, Mapping):
        raise WrongSetting("event", "it is no object")
    if "data_base64" in found:
        raise WrongSetting("data_base64", "data is taken as JSON only")
    try:
        read = EventAttributes.model_validate(found)
        data = json.dumps(read.data, sort_keys=True, ensure_ascii=False, allow_nan=False)
    except ValidationError as error:
        name = str(error.errors(include_input=False)[0]["loc"][0])
        raise WrongSetting(name, "it is missing, or not as CloudEvents 1.0 says") from error
    except (ValueError, RecursionError) as error:
        raise WrongSetting("data", "it is no JSON") from error
    if len(data) > MAX_DATA_CHARS:
        raise WrongSetting("data", f"it has more than {MAX_DATA_CHARS} characters")
    words = json.dumps([read.id, read.source, read.type, read.subject, read.time.isoformat(), data])
    digest = hashlib.sha256(words.encode("utf-8", "surrogatepass")).hexdigest()
    return CloudEvent(
        id=read.id,
        source=read.source,
        type=read.type,
        subject=read.subject,
        time=read.time,
        data=read.data,
        digest=digest,
    )
