"""What may be kept of what is said in a chat?"""

from random import Random

from orchestrator.chat.values import clean_turn
from orchestrator.core.ports.conversations import ConversationTurn
from tests.handoff.secrets.specimens import make


def test_a_turn_is_kept_without_secrets_whoever_said_them() -> None:
    """Its words and its trace; a field's name says what its value is."""
    chance = Random(20261129)
    token, word = make("gl~pat-{U20}", chance), make("{A3}7{W8}", chance)
    trace = {"steps": [{"tool": "run", "arguments": {"env": {"password": word}}}], "said": token, "clock": 3}
    turn = clean_turn(ConversationTurn(role="assistant", content=f"It is {token}.", trace=trace))
    assert token not in str(turn)
    assert word not in str(turn)
    assert turn.trace["clock"] == 3
    assert clean_turn(turn) == turn
