"""Small files in the form of the public data sets for memory; every word of them is made up."""

from __future__ import annotations

from typing import Any


def locomo() -> list[dict[str, Any]]:
    """One conversation of two sessions, with a question for each way in which evidence is named."""
    first = [
        ("D1:1", "Ada", "I planted a walnut tree behind the shed."),
        ("D1:2", "Ben", "How lovely. My boat needs paint again."),
        ("D1:3", "Ada", "Which colour this time?"),
    ]
    second = [("D2:1", "Ben", "The boat is green now."), ("D2:2", "Ada", "Look at this one!")]
    turns: list[list[dict[str, Any]]] = [
        [{"dia_id": turn, "speaker": who, "text": said} for turn, who, said in session] for session in (first, second)
    ]
    turns[1][1] |= {"img_url": ["x"], "blip_caption": "a photo of a lighthouse at dusk"}
    return [
        {
            "sample_id": "conv-1",
            "conversation": {
                "speaker_a": "Ada",
                "speaker_b": "Ben",
                "session_1_date_time": "1:56 pm on 8 May, 2023",
                "session_1": turns[0],
                "session_2_date_time": "10:04 am on 3 June, 2023",
                "session_2": turns[1],
                "session_3_date_time": "10:04 am on 9 June, 2023",
                "session_3": [],
            },
            "qa": [
                {"question": "Where is the walnut tree?", "answer": "shed", "evidence": ["D1:1"], "category": 4},
                {"question": "What happened to the boat?", "evidence": ["D1:2; D2:1"], "category": 1},
                {"question": "What did Ada photograph: a lighthouse?", "evidence": ["D2:2"], "category": 4},
                {"question": "Which submarine sank?", "evidence": ["D1:3"], "category": 4},
                {"question": "Nothing to look for", "evidence": [], "category": 4},
                {"question": "A trap", "adversarial_answer": "no", "evidence": ["D1:1"], "category": 5},
            ],
        }
    ]


def long_mem_eval() -> list[dict[str, Any]]:
    """Two questions, one of which has no answer."""
    asked = {
        "question_type": "single-session-user",
        "question": "What breed is my dog?",
        "answer": "a beagle",
        "question_date": "2023/05/30 (Tue) 23:40",
        "haystack_session_ids": ["s-2", "s-1"],
        "haystack_dates": ["2023/05/21 (Sun) 09:30", "2023/05/20 (Sat) 02:21"],
        "haystack_sessions": [
            [{"role": "user", "content": "How do I bake bread?"}, {"role": "assistant", "content": "With flour."}],
            [{"role": "user", "content": "My dog is a beagle.", "has_answer": True}],
        ],
        "answer_session_ids": ["s-1"],
    }
    return [{"question_id": "q1"} | asked, {"question_id": "q2_abs"} | asked]
