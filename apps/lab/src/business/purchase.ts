/** What a shopper asks for: one piece. */
export interface PurchaseRequest {
  /** Chosen by the shopper: it names the purchase, its message, its transaction and its order. */
  readonly purchaseId: string;
  readonly customerId: number;
  readonly sku: string;
  /** In cents. */
  readonly amount: number;
}

/** What the shopper is told. *accepted*: it is paid for, the rest follows. */
export type Answer = 'completed' | 'rejected' | 'accepted';

/** The one thing that every protocol implements. */
export interface Purchase {
  /** @throws Rejected, or anything else if it is not known how it ended */
  buy(request: PurchaseRequest): Promise<Answer>;
}

/** No, for good: trying again would not help. */
export class Rejected extends Error {
  override readonly name = 'Rejected';
}
