"""Checks of the bot: does its network know it, how did the polling go here, and which node takes what people write?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orchestrator.app import wiring
from orchestrator.app.doctor.check_result import CheckResult, CheckStatus
from orchestrator.app.doctor.state_checks import database_is_here
from orchestrator.app.factories.telegram_factory import SWITCH, chat_network
from orchestrator.core.errors import OrchestratorError, WrongSetting
from orchestrator.core.own_installation import document_place
from orchestrator.core.ports.chat_network import ChatNetwork, ChatNetworkFailed
from orchestrator.core.settings import Settings
from orchestrator.core.time_text import format_duration
from orchestrator.ledger.node_pages import Presence
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.node.rounds.poll_state import ANSWERS, CONFLICT, RESTS, PollState, read_poll_state
from orchestrator.node.rounds.polling_turn import polling_order

BOT, POLLING, POLLER = "telegram", "telegram here", "telegram poller"
DOCS = "docs/telegram.md"
ANOTHER = "one program polls a bot: end the other one, or have @BotFather give this bot another token (/revoke)"


def check_bot(settings: Settings) -> Iterator[CheckResult]:
    """Whether there is a bot, and how the polling went on this machine. Nothing where none is wanted."""
    if not settings.enable_telegram_poll:
        return
    if not settings.policy.telegram:
        says, remedy = "a worker never polls a bot", f"unset {SWITCH} here; headquarters polls ({document_place(DOCS)})"
        yield CheckResult(what=BOT, health=CheckStatus.POOR, says=says, remedy=remedy)
        return
    try:
        network = chat_network(settings)
    except WrongSetting as error:
        remedy = f"set it as is said there: {document_place(DOCS)}"
        yield CheckResult(what=BOT, health=CheckStatus.BROKEN, says=str(error), remedy=remedy)
        return
    try:
        yield _known(network, len(settings.telegram_chats))
        yield _polled(settings, network.name)
    finally:
        network.close()


def check_poller(settings: Settings, ledger: LedgerSnapshot, nodes: Sequence[Presence]) -> Iterator[CheckResult]:
    """Which node's turn it is, by what this machine sees. Nothing where no node has a bot."""
    polls = {node.name for node in nodes if node.polls} | ({settings.node} if settings.policy.telegram else set())
    order = [name for name in polling_order(ledger, settings.node, settings.role) if name in polls]
    if not order:
        return
    states = {node.name: node.state for node in nodes}
    alive = [name for name in order if states.get(name) == "live"]
    line = ", then ".join(order)
    if alive:
        says = f"{alive[0]} takes what people write ({line})"
        yield CheckResult(what=POLLER, health=CheckStatus.GOOD, says=says)
        return
    told = ", ".join(f"{name} is {states.get(name, 'unknown')}" for name in order)
    remedy = f"look again in a minute, when this machine has seen it beat; else start {order[0]}"
    yield CheckResult(what=POLLER, health=CheckStatus.POOR, says=f"nobody is seen to: {told}", remedy=remedy)


def _known(network: ChatNetwork, chats: int) -> CheckResult:
    """What the network says of the bot."""
    try:
        found = network.condition()
    except ChatNetworkFailed as error:
        remedy = "is the token what @BotFather gave last, and is SHIFTBOOK_TELEGRAM_URL reached from here?"
        return CheckResult(what=BOT, health=CheckStatus.BROKEN, says=str(error), remedy=remedy)
    if found.pushed_to:
        says = f"{found.title} has a webhook at {found.pushed_to}: nobody can poll it"
        remedy = "take the webhook away there (deleteWebhook), or have @BotFather make another bot"
        return CheckResult(what=BOT, health=CheckStatus.BROKEN, says=says, remedy=remedy)
    says = f"{found.title}, {chats} chat{'s' * (chats != 1)} heard, {found.waiting} waiting to be taken"
    return CheckResult(what=BOT, health=CheckStatus.GOOD, says=says)


def _polled(settings: Settings, bot: str) -> CheckResult:
    """What this machine's node has noted of its polling."""
    found = _noted(settings, bot)
    if isinstance(found, CheckResult):
        return found
    if found is None:
        says, remedy = "this machine's node has not polled yet", "start it: shiftbook node run"
        return CheckResult(what=POLLING, health=CheckStatus.ABSENT, says=says, remedy=remedy)
    ago = format_duration(max(0.0, round((wiring.now() - found.at).total_seconds())))
    if found.state == ANSWERS:
        says = f"polled, and was answered, {ago} ago"
        return CheckResult(what=POLLING, health=CheckStatus.GOOD, says=says)
    if found.state == RESTS:
        says = f"another node's turn, noted {ago} ago"
        return CheckResult(what=POLLING, health=CheckStatus.GOOD, says=says)
    remedy = ANOTHER if found.state == CONFLICT else "the node tries again by itself; its log says how that goes"
    return CheckResult(what=POLLING, health=CheckStatus.POOR, says=f"{found.says} ({ago} ago)", remedy=remedy)


def _noted(settings: Settings, bot: str) -> PollState | CheckResult | None:
    if not database_is_here(settings):
        return None
    try:
        stores = wiring.stores(settings)
    except OrchestratorError as error:
        remedy = "mend the database first (above)"
        return CheckResult(what=POLLING, health=CheckStatus.POOR, says=f"not known: {error}", remedy=remedy)
    try:
        return read_poll_state(stores.marks, bot)
    except OrchestratorError as error:
        remedy = "mend the database first (above)"
        return CheckResult(what=POLLING, health=CheckStatus.POOR, says=f"not known: {error}", remedy=remedy)
    finally:
        stores.close()
