"""What may stand in `record.json`, by whatever node it was written?

Beside `result_record`, which every node loads: pydantic is for those that have a result to read.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from missions.approval import ChangeFacts

FACTS = TypeAdapter(ChangeFacts)


class _RecordModel(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    mission: str
    epoch: int
    fields: dict[str, str | int | float | bool | None]
    finished: str
    log_path: str
    memo_path: str = ""
    facts: ChangeFacts = ChangeFacts()


def read_record_fields(text: str) -> dict[str, Any]:
    """The record's fields by name. Raises ValueError, which says where something is wrong, and what."""
    try:
        return dict(_RecordModel.model_validate_json(text))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise ValueError(f"{''.join(f'.{part}' for part in first['loc'])}: {first['msg']}") from error
