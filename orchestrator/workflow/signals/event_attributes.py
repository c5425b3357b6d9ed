"""Which attributes of a CloudEvent are read, and what may they be?

Beside `cloud_event`, which every node loads: pydantic is for those to which an event comes.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

Word = Annotated[str, Field(min_length=1, max_length=500)]


class EventAttributes(BaseModel):
    """The attributes that are read; extensions are not. `time` is optional in CloudEvents, and needed here."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)
    specversion: Literal["1.0"]
    id: Word
    source: Word
    type: Word
    subject: Annotated[str, Field(max_length=500)] = ""
    time: AwareDatetime
    data: Any = None
