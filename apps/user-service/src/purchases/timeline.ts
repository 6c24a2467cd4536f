import { ApiProperty } from '@nestjs/swagger';
import type { MessageStatus } from '@tallystick/outbox';

type DeliveryRecord = MessageStatus['deliveries'][number];

export class TimelineEvent {
  @ApiProperty({ enum: ['recorded', 'sent', 'settled'] })
  event!: 'recorded' | 'sent' | 'settled';

  @ApiProperty({ format: 'date-time' })
  at!: string;
}

/** One message on its way to one consumer. */
export class DeliveryTimeline {
  @ApiProperty({ example: 'order-service' })
  consumer!: string;

  @ApiProperty({ example: 'completed', description: 'pending, sent, cancelling, answered, parked, or how it ended' })
  state!: string;

  @ApiProperty({ example: 1, description: 'In the current state' })
  attempts!: number;

  @ApiProperty({ required: false, enum: ['accepted', 'rejected'] })
  verdict?: string;

  @ApiProperty({ required: false, example: 'OUT_OF_STOCK' })
  reason?: string;

  @ApiProperty({ required: false, format: 'date-time', description: 'Absent when nothing more will happen by itself' })
  nextTryAt?: string;

  @ApiProperty({ required: false, format: 'date-time', description: 'Then it asks to cancel' })
  deadlineAt?: string;

  @ApiProperty({ required: false })
  lastError?: string;

  @ApiProperty({ type: [TimelineEvent] })
  events!: TimelineEvent[];
}

export class Timeline {
  @ApiProperty({ format: 'uuid' })
  messageId!: string;

  @ApiProperty({ example: 'order.requested' })
  type!: string;

  @ApiProperty({ type: [DeliveryTimeline] })
  deliveries!: DeliveryTimeline[];
}

/** The history of a message, as far as its rows remember it. Undefined values do not appear in the JSON. */
export function timelineOf({ id, type, deliveries }: MessageStatus): Timeline {
  return { messageId: id, type, deliveries: deliveries.map(deliveryTimeline) };
}

function deliveryTimeline(delivery: DeliveryRecord): DeliveryTimeline {
  const { consumer, state, attempts, verdict, reason, nextAt, deadlineAt, lastError } = delivery;
  const events: { event: TimelineEvent['event']; at: string | undefined }[] = [
    { event: 'recorded', at: delivery.recordedAt },
    { event: 'sent', at: delivery.sentAt },
    { event: 'settled', at: delivery.settledAt },
  ];
  return {
    consumer,
    state,
    attempts,
    verdict,
    reason: reason?.code,
    nextTryAt: nextAt,
    deadlineAt,
    lastError,
    events: events.filter((event): event is TimelineEvent => event.at !== undefined),
  };
}
