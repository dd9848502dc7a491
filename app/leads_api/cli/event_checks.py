"""The checks of `leads doctor` that are about events and webhooks."""

from datetime import timedelta

from leads_api.cli.findings import LATE, Check, Found, Health, lasting
from leads_api.clock import shown_time
from leads_api.events.relay import READER
from leads_api.mongo.positions import LEASE, Positions
from leads_api.services import Services
from leads_api.webhooks.store import WebhookState

_BEHIND = timedelta(minutes=1)
_NAMED = 5


class EventChecks:
    """Checks the relay, the feed, the deliveries and the webhooks of one installation."""

    def __init__(self, services: Services) -> None:
        self._events = services.events
        self._webhooks = services.webhooks.subscriptions
        self._deliveries = services.webhook_deliveries
        self._positions = Positions(services.database, READER)

    def all(self) -> dict[str, Check]:
        """Return the checks by name, in their order."""
        return {
            "relay": self._relay,
            "feed": self._feed,
            "feed gaps": self._gaps,
            "pending deliveries": self._pending,
            "failed deliveries": self._failed,
            "webhooks": self._states,
        }

    async def _relay(self) -> Found:
        silence = (await self._positions.progress()).silence
        if silence is None:
            advice = "Start the service. If it runs, its log says why it cannot relay: see docs/operations.md, Events."
            return Health.DOUBTFUL, "no process relays events", advice
        if silence > LEASE:
            advice = "Start the service. If it runs, another process takes over within 15 s; else see its log."
            return Health.DOUBTFUL, f"the process that relayed events has been silent for {lasting(silence)}", advice
        return Health.GOOD, f"a process relays events; it was heard of {lasting(silence)} ago", None

    async def _feed(self) -> Found:
        age = (await self._positions.progress()).age
        if age is None:
            advice = "Start the service: a process that relays tells it within seconds."
            return Health.DOUBTFUL, "it is not known how far it is behind", advice
        if age > _BEHIND:
            advice = (
                "If a process relays, see its log: it is interrupted again and again, or it or the database is too"
                " slow. The oplog must reach back further than that."
            )
            return Health.DOUBTFUL, f"{lasting(age)} behind the changes of leads", advice
        return Health.GOOD, f"has all changes until {lasting(age)} ago", None

    async def _gaps(self) -> Found:
        if gaps := await self._events.gaps():
            text = f"{len(gaps)} among the events that are kept, the last one at {shown_time(gaps[-1])}"
            advice = (
                "Those who follow the feed must read all leads again. Let the oplog reach back further than your"
                " longest outage."
            )
            return Health.DOUBTFUL, text, advice
        return Health.GOOD, "none among the events that are kept", None

    async def _pending(self) -> Found:
        pending = await self._deliveries.count("pending")
        active = [state.id for state in await self._webhooks.states() if state.status != "disabled"]
        due, created = await self._deliveries.due_since(active), await self._deliveries.oldest_pending(active)
        moment = await self._deliveries.clock.now()
        text = (
            f"{pending} pending"
            if created is None
            else f"{pending} pending, the oldest for {lasting(moment - created)}"
        )
        if due is not None and moment - due > LATE:
            advice = "Start the service, which sends them. If it runs, its log says why it does not."
            return Health.DOUBTFUL, f"{text}, and one is {lasting(moment - due)} late", advice
        if created is not None and moment - created > LATE:
            return Health.DOUBTFUL, text, f"Their receivers do not accept them. {_SEE}"
        return Health.GOOD, text, None

    async def _failed(self) -> Found:
        if failed := await self._deliveries.count("failed"):
            advice = (
                f"{_SEE} When the receiver works again, send each with POST"
                " /api/webhooks/{id}/deliveries/{delivery_id}/redeliver."
            )
            return Health.DOUBTFUL, f"{failed} have failed for good", advice
        return Health.GOOD, "none", None

    async def _states(self) -> Found:
        states, moment = await self._webhooks.states(), await self._deliveries.clock.now()
        disabled = [state for state in states if state.status == "disabled"]
        failing = [
            state
            for state in states
            if state not in disabled and state.failing_since is not None and moment - state.failing_since > LATE
        ]
        if not disabled and not failing:
            return Health.GOOD, f"{len(states)}, none is disabled or failing", None
        found = [f"{name}: {_named(some)}" for name, some in (("disabled", disabled), ("failing", failing)) if some]
        advice = (
            f"{_SEE} A disabled one gets nothing: when its receiver works again, set its status to active with PATCH"
            " /api/webhooks/{id}, or delete it."
        )
        return Health.DOUBTFUL, "; ".join(found), advice


_SEE = "GET /api/webhooks/{id}/deliveries shows what is wrong."


def _named(states: list[WebhookState]) -> str:
    more = f" and {len(states) - _NAMED} more" if len(states) > _NAMED else ""
    return ", ".join(str(state.id) for state in states[:_NAMED]) + more
