import { Body, Controller, Get, HttpCode, HttpStatus, NotFoundException, Param, Post } from '@nestjs/common';
import { ApiAcceptedResponse, ApiHeader, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { ById } from '@tallystick/chassis';
import { Outbox } from '@tallystick/outbox';
import { IdempotencyKey } from './idempotency-key';
import { PurchaseRequest, PurchaseView } from './purchases.dto';
import { PurchasesService } from './purchases.service';
import { Timeline, timelineOf } from './timeline';

@ApiTags('purchases')
@Controller('purchases')
export class PurchasesController {
  constructor(
    private readonly purchases: PurchasesService,
    private readonly outbox: Outbox,
  ) {}

  /** Answers as soon as the purchase is paid for and the message recorded; the order follows. */
  @Post()
  @HttpCode(HttpStatus.ACCEPTED)
  @ApiHeader({ name: 'Idempotency-Key', required: false, description: 'Makes it safe to send the request again' })
  @ApiAcceptedResponse({ type: PurchaseView })
  async create(@Body() request: PurchaseRequest, @IdempotencyKey() idempotencyKey?: string): Promise<PurchaseView> {
    return PurchaseView.of(await this.purchases.purchase(request, idempotencyKey));
  }

  @Get(':id')
  @ApiOkResponse({ type: PurchaseView })
  async get(@Param() { id }: ById): Promise<PurchaseView> {
    return PurchaseView.of(await this.purchases.get(id));
  }

  /** Where the message behind this purchase stands. */
  @Get(':id/timeline')
  @ApiOkResponse({ type: Timeline })
  async timeline(@Param() { id }: ById): Promise<Timeline> {
    const { messageId } = await this.purchases.get(id);
    const status = await this.outbox.status(messageId);
    if (!status) throw new NotFoundException(`The history of purchase ${id} is no longer kept.`);
    return timelineOf(status);
  }
}
