"""What is an event of a supplier? A CloudEvent 1.0, read as what it is: somebody else's words."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from orchestrator.core.errors import WrongSetting

MAX_EVENTS = 100
"""Events of one batch."""
MAX_DATA_CHARS = 64 * 1024
Word = Annotated[str, Field(min_length=1, max_length=500)]


class _Attributes(BaseModel):
    """The attributes that are read; extensions are not. `time` is optional in CloudEvents, and needed here."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)
    specversion: Literal["1.0"]
    id: Word
    source: Word
    type: Word
    subject: Annotated[str, Field(max_length=500)] = ""
    time: AwareDatetime
    data: Any = None


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
    if not isinstance(found, Mapping):
        raise WrongSetting("event", "it is no object")
    if "data_base64" in found:
        raise WrongSetting("data_base64", "data is taken as JSON only")
    try:
        read = _Attributes.model_validate(found)
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
