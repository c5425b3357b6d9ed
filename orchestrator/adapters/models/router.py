"""The router: which backend answers, and why that one?

In order of preference; each with a circuit breaker. A backend that is not in this process is looked for once when the
first request needs it (at most a third of a second if nothing is there), after that only beside the requests: one that
is known to be dead costs a request nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from orchestrator.adapters.models.circuit_breaker import BreakerState, CircuitBreaker
from orchestrator.core.errors import ModelUnavailable, NotFound
from orchestrator.core.model_competence import Competence, ModelCheck, parameters_of
from orchestrator.core.ports.model import Model
from orchestrator.core.ports.model_backend import (
    BackendCandidate,
    BackendChoice,
    BackendHealth,
    ListedModel,
)

FRESH_SECONDS = 15.0
"""How long a look at a backend counts; after that the next request has it renewed, without waiting for it."""


@dataclass(kw_only=True)
class _BackendState:
    """What was seen of one candidate."""

    breaker: CircuitBreaker = field(default_factory=CircuitBreaker)
    looked: float | None = None
    listed: tuple[ListedModel, ...] = ()
    trouble: str = ""
    looking: bool = False
    opened: dict[str, Model] = field(default_factory=dict)
    first: threading.Lock = field(default_factory=threading.Lock)


class Router:
    """Chooses; keeps what it saw. Any number of threads may use it. `clock` is monotonic seconds."""

    def __init__(
        self,
        candidates: Sequence[BackendCandidate],
        *,
        clock: Callable[[], float],
        checks: Callable[[], Mapping[str, ModelCheck]] = dict,
    ) -> None:
        self._candidates = tuple(candidates)
        self._checks = checks
        self._clock = clock
        self._lock = threading.Lock()
        self._known = [_BackendState() for _ in self._candidates]
        self._better = (float("-inf"), "")
        """When a better model was looked for last, and which was found."""

    def choose(self, wanted: str = "", *, peers: bool = True) -> BackendChoice:
        """Who answers now. `wanted` is a model, a backend, or `backend/model`; `peers` whether another node may be.

        Raises ModelUnavailable when nobody can, NotFound when nobody has what is wanted.
        """
        tried: list[str] = []
        for at in self._order(peers):
            name = self._match(at, wanted)
            if name is None:
                continue
            if trouble := self._trouble(at):
                tried.append(f"{self._candidates[at].backend.backend}: {trouble}")
                continue
            model = self._open(at, name)
            return BackendChoice(
                model=model,
                why=self._why(at, wanted, tried),
                tried=tuple(tried),
                report=partial(self._note_result, at),
                judged=self._judge(at, model),
            )
        if wanted and not tried:
            raise NotFound("no backend has a model {!r}: `shiftbook models list` shows what there is", wanted)
        raise ModelUnavailable("no model can answer: {}", "; ".join(tried) or "no backend is set")

    def judge(self, listed: ListedModel) -> Competence:
        """What a listed model is good for: by its size, and by its check where it had one."""
        return Competence(
            model=listed.name,
            parameters=parameters_of(listed.parameters) or parameters_of(listed.name),
            context_tokens=listed.context_tokens,
            check=self._checks().get(f"{listed.backend}/{listed.name}"),
        )

    def _judge(self, at: int, model: Model) -> Competence:
        unlisted = ListedModel(name=model.name, backend=model.backend, context_tokens=model.context_tokens)
        judged = self.judge(next((each for each in self._known[at].listed if each.name == model.name), unlisted))
        return replace(judged, better_here=self._better_here()) if judged.is_toy else judged

    def _better_here(self) -> str:
        """The first model of this machine that is no toy: who pulled one and chose none has that. Looked for anew where
        it is in this process, for it may have been pulled since; not more often than other backends are looked at."""
        at, found = self._better
        if self._clock() - at >= FRESH_SECONDS:
            here = ((known, each) for known, each in zip(self._known, self._candidates, strict=True) if not each.peer)
            seen = (one for known, each in here for one in (_listing(each) if each.local else known.listed))
            found = next((one.name for one in seen if not self.judge(one).is_toy), "")
            self._better = (self._clock(), found)
        return found

    def missing(self) -> str:
        """Why no model can answer now; empty where one can. Looks for backends that nobody looked for yet."""
        try:
            self.choose()
        except ModelUnavailable as error:
            return str(error)
        return ""

    def models(self, *, peers: bool = False) -> tuple[ListedModel, ...]:
        """What the backends offer, as last seen. One that was never looked for is waited for once, all at a time."""
        order = list(self._order(peers))
        unseen = [at for at in order if self._known[at].looked is None]
        threads = [threading.Thread(target=self._seen, args=(at,), daemon=True) for at in unseen]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        for at in order:
            self._refresh_if_due(at)
        return tuple(dict.fromkeys(each for at in order for each in self._known[at].listed))

    def preferred(self, patience: float) -> ListedModel | None:
        """The model that would answer now, as far as is known within `patience` seconds; opens none."""
        if all(known.looked is None for known in self._known):
            look = threading.Thread(target=self.models, kwargs={"peers": True}, name="look for models", daemon=True)
            look.start()
            look.join(patience)
        alive = (self._known[at] for at in self._order(True))
        return next((each.listed[0] for each in alive if each.listed and not each.trouble), None)

    def health(self) -> tuple[BackendHealth, ...]:
        """How every backend stands, as last seen; looks for none."""
        now = self._clock()
        found = []
        for candidate, known in zip(self._candidates, self._known, strict=True):
            state = known.breaker.state(now)
            reachable = None if known.looked is None else state is BreakerState.CLOSED
            says = known.trouble if state is not BreakerState.CLOSED else ""
            found.append(
                BackendHealth(backend=candidate.backend.backend, state=state.value, reachable=reachable, says=says)
            )
        return tuple(found)

    def close(self) -> None:
        """Closes every model that was opened."""
        with self._lock:
            opened = [model for known in self._known for model in known.opened.values()]
        for model in opened:
            model.close()

    def _order(self, peers: bool) -> Iterator[int]:
        return (at for at, each in enumerate(self._candidates) if peers or not each.peer)

    def _match(self, at: int, wanted: str) -> str | None:
        """What `wanted` is called at this backend; None when it means another one, or one that is not listed.

        Only of a backend that lists nothing any model is believed: a wrong name would count as the backend's failure.
        """
        own = self._candidates[at].backend.backend
        if wanted in ("", own):
            return None if self._candidates[at].named and not wanted else ""
        backend, _, rest = wanted.partition("/")
        name = rest if backend == own and rest else wanted
        self._seen(at)
        self._refresh_if_due(at)
        names = {each.name for each in self._known[at].listed}
        unlisted = name if name != wanted and not names else None
        return next((each for each in (name, f"{name}:latest") if each in names), unlisted)

    def _trouble(self, at: int) -> str:
        """Why it is not to be used now; "" when it is."""
        self._seen(at)
        self._refresh_if_due(at)
        known, now = self._known[at], self._clock()
        with self._lock:
            if self._candidates[at].local and known.breaker.allows(now):  # nobody looks for it: a request tries it out
                known.breaker = known.breaker.begun(now)
            elif known.breaker.state(now) is not BreakerState.CLOSED:
                return known.trouble or "it failed a moment ago"
        return ""

    def _why(self, at: int, wanted: str, tried: Iterable[str]) -> str:
        why = f"asked for {wanted}" if wanted else self._candidates[at].why
        first = ", ".join(each.partition(":")[0] for each in tried)
        return f"{why}; {first} could not" if first else why

    def _open(self, at: int, name: str) -> Model:
        known = self._known[at]
        with self._lock:
            if name not in known.opened:
                known.opened[name] = self._candidates[at].backend.open(name)
            return known.opened[name]

    def _refresh_if_due(self, at: int) -> None:
        """Has a look taken beside the requests when the last one is old, or when a dead backend has rested."""
        known, now = self._known[at], self._clock()
        with self._lock:
            resting = known.breaker.state(now) is BreakerState.OPEN
            fresh = known.looked is None or now - known.looked < FRESH_SECONDS
            due = not known.looking and not self._candidates[at].local
            due = due and not resting and (not fresh or known.breaker.state(now) is BreakerState.HALF_OPEN)
            known.looking = known.looking or due
        if due:
            threading.Thread(target=self._look, args=(at,), name="look for a backend", daemon=True).start()

    def _seen(self, at: int) -> None:
        """Looks for a backend that nobody looked for yet; whoever comes meanwhile waits for that one look."""
        with self._known[at].first:
            if self._known[at].looked is None:
                self._look(at)

    def _look(self, at: int) -> None:
        known = self._known[at]
        try:
            listed, trouble = self._candidates[at].backend.models(), ""
        except ModelUnavailable as error:
            listed, trouble = (), str(error)
        except Exception as error:  # a mistake of one adapter's is told as its trouble, and leaves the others alone
            listed, trouble = (), f"{type(error).__name__}: {error}"
        with self._lock:
            now = self._clock()
            known.looked, known.looking, known.trouble = now, False, trouble or known.trouble
            if trouble:
                known.breaker = known.breaker.down(now)
            else:
                known.listed, known.breaker = listed, known.breaker.succeeded()

    def _note_result(self, at: int, error: ModelUnavailable | None) -> None:
        """Takes in how a call went."""
        known, now = self._known[at], self._clock()
        with self._lock:
            known.breaker = known.breaker.failed(now) if error else known.breaker.succeeded()
            known.trouble = str(error) if error else ""


def _listing(candidate: BackendCandidate) -> tuple[ListedModel, ...]:
    """What a backend in this process offers now."""
    try:
        return candidate.backend.models()
    except ModelUnavailable:
        return ()
