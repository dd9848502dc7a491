"""The endpoints of webhooks (contract, section 5)."""

from litestar import Controller, Response, delete, get, patch, post
from litestar.params import FromPath

from leads_api.http.endpoint import Body, Part, Query
from leads_api.http.envelope import Answer, Deleted, Page, created, failures
from leads_api.validation.inputs import Changes
from leads_api.validation.paging import Paging
from leads_api.webhooks.deliveries import DeliveryNotFound
from leads_api.webhooks.management import Webhooks
from leads_api.webhooks.model import Delivery, Webhook, WebhookWithSecret
from leads_api.webhooks.schemas import WebhookChanges, WebhookInput
from leads_api.webhooks.store import TooManyWebhooks, WebhookDisabled, WebhookNotFound

Hooks = Part[Webhooks]


class WebhookController(Controller):
    """Webhooks and their deliveries."""

    path = "/webhooks"
    tags = ("Webhooks",)

    @get(summary="List webhooks", description="In the order in which they were created.")
    async def index(self, params: Query[Paging], webhooks: Hooks) -> Page[Webhook]:
        found, total = await webhooks.subscriptions.page(params)
        return Page(found, params.meta(total), "Webhooks retrieved successfully.")

    @post(
        summary="Create a webhook",
        description=(
            "Events from now on are sent to the URL, each as a POST with the JSON of the event, signed as in Standard"
            " Webhooks 1.0 with the `secret` of the response. A repetition with the same `Idempotency-Key` has the"
            " secret as well."
        ),
        responses=failures(TooManyWebhooks()),
    )
    async def create(self, payload: Body[WebhookInput], webhooks: Hooks) -> Response[Answer[WebhookWithSecret]]:
        webhook = await webhooks.create(payload)
        return created(webhook, "Webhook created successfully.", f"/api/webhooks/{webhook.id}")

    @get("/{webhook_id:int}", summary="Get a webhook", responses=failures(WebhookNotFound()))
    async def show(self, webhook_id: FromPath[int], webhooks: Hooks) -> Answer[Webhook]:
        return Answer(await webhooks.subscriptions.get(webhook_id), "Webhook retrieved successfully.")

    @patch(
        "/{webhook_id:int}",
        summary="Change a webhook",
        description=(
            "Send any of the fields. A new URL is used for pending deliveries, too. A disabled webhook that becomes"
            " active gets the events since then, as far as they are kept."
        ),
        responses=failures(WebhookNotFound()),
    )
    async def change(
        self, webhook_id: FromPath[int], payload: Body[Changes[WebhookChanges]], webhooks: Hooks
    ) -> Answer[Webhook]:
        return Answer(await webhooks.change(webhook_id, payload.given), "Webhook updated successfully.")

    @delete(
        "/{webhook_id:int}",
        summary="Delete a webhook",
        description="With its deliveries: nothing is sent any more.",
        status_code=200,
        responses=failures(WebhookNotFound()),
    )
    async def destroy(self, webhook_id: FromPath[int], webhooks: Hooks) -> Answer[Deleted]:
        await webhooks.subscriptions.delete(webhook_id)
        return Answer(Deleted(webhook_id), "Webhook deleted successfully.")

    @post(
        "/{webhook_id:int}/secret",
        summary="Renew the secret of a webhook",
        description="For 24 hours, deliveries have a signature of the old secret as well, also if you ask again.",
        status_code=200,
        responses=failures(WebhookNotFound()),
    )
    async def renew_secret(self, webhook_id: FromPath[int], webhooks: Hooks) -> Answer[WebhookWithSecret]:
        return Answer(await webhooks.renew_secret(webhook_id), "Webhook secret renewed successfully.")

    @post(
        "/{webhook_id:int}/test",
        summary="Test a webhook",
        description="Sends an event of the type `webhook.test`, whatever types the webhook has. Its `id` is null.",
        status_code=202,
        responses=failures(WebhookNotFound(), WebhookDisabled()),
    )
    async def test(self, webhook_id: FromPath[int], webhooks: Hooks) -> Answer[Delivery]:
        return Answer(await webhooks.test(webhook_id), "Webhook test queued successfully.")

    @get(
        "/{webhook_id:int}/deliveries",
        summary="List the deliveries of a webhook",
        description="Newest first. A delivery that has ended is kept as long as events are.",
        responses=failures(WebhookNotFound()),
    )
    async def deliveries(self, webhook_id: FromPath[int], params: Query[Paging], webhooks: Hooks) -> Page[Delivery]:
        found, total = await webhooks.deliveries_of(webhook_id, params)
        return Page(found, params.meta(total), "Webhook deliveries retrieved successfully.")

    @post(
        "/{webhook_id:int}/deliveries/{delivery_id:int}/redeliver",
        summary="Redeliver an event",
        description="Begins a new round of attempts, at once. An attempt that is in progress goes on.",
        status_code=202,
        responses=failures(WebhookNotFound(), DeliveryNotFound(), WebhookDisabled()),
    )
    async def redeliver(
        self, webhook_id: FromPath[int], delivery_id: FromPath[int], webhooks: Hooks
    ) -> Answer[Delivery]:
        return Answer(await webhooks.redeliver(webhook_id, delivery_id), "Webhook delivery queued successfully.")
