import { PAGE_EN } from './page-en';

/** What the demo says, in English. Every other language has the same keys (`Texts`). */
export const EN = {
  stage: 'Set the stage',
  expect: 'expect',
  inTheEnd: 'What both databases say',
  kept: 'All was as promised.',
  broken: 'Something was not as promised: look for ✗.',
  page: (url: string): string => `Look at it in a browser: ${url}`,
  serving: (user: string, order: string, page: string): string =>
    `Both services go on serving: ${user}/docs and ${order}/docs; every message, both halves: ${user}/outbox/.\nThe page with the buttons that break things: ${page}. Ctrl-C ends the demo.`,
  legend:
    'right of │ after each step: outbox_delivery of user-service (state, attempts, verdict) → inbox_message of order-service',
  pressEnter: 'Enter goes on',
  skipped: 'left out: it breaks the line between order-service and the broker, and does not touch one with TLS',

  stock: (sku: string, pieces: number): string => `PUT /stock/${sku} → ${pieces} pieces`,
  user: (name: string, balance: string): string => `POST /users → ${name} has ${balance}`,
  balance: (balance: string): string => `GET /users/… → ${balance}`,
  left: (pieces: number): string => `GET /stock/… → ${pieces} pieces left`,
  buy: (quantity: number, amount: string, status: number, result: string | undefined): string =>
    `POST /purchases: ${quantity} for ${amount} → ${status} ${result ?? ''}`,
  settled: (status: string, waited: number): string => `GET /purchases/… → ${status} (after ${waited} ms)`,
  killed: 'order-service: SIGKILL',
  restarted: 'order-service: started again',
  muted: 'the line of order-service: what it says is swallowed from now on',
  ordered: 'GET /orders/… → the order is there',
  cut: 'the line breaks; a new one works',

  chapters: {
    completes: {
      title: 'A purchase completes',
      expectation: 'the debit and the message commit together; order-service accepts; the purchase is completed',
      pending: 'accepted at once, with the order still to come',
      completed: (order: string | undefined): string => `completed, order ${order}`,
      paidOnce: 'paid once',
    },
    refused: {
      title: 'A purchase that nobody can afford is refused',
      expectation: '409, and nothing is recorded: no debit, no message',
      refused: 'refused',
      nothing: 'nothing was debited',
    },
    refunded: {
      title: 'A purchase that is out of stock is refunded',
      expectation: 'order-service rejects for good; the compensation gives the money back, once',
      refunded: (reason: string | undefined): string => `refunded: ${reason}`,
      back: 'all the money is back',
    },
    killed: {
      title: 'order-service is killed in the middle of the day',
      expectation: 'purchases are still accepted; when order-service is back, they complete by themselves',
      accepted: 'accepted without order-service',
      completed: 'completed, and nobody had to do anything',
      paidOnce: 'paid once',
    },
    receiptLost: {
      title: 'The receipt is lost',
      expectation:
        'the order exists and user-service does not know; the message comes again, the inbox answers it, nothing is done twice',
      unknown: 'the order is there, and the purchase still pending: nobody was told',
      completed: 'completed: the copy was answered with the verdict of the first',
      soldOnce: 'paid once, sold once',
    },
    comesTwice: {
      title: 'order-service dies between its commit and its answer: the message comes twice',
      expectation: 'the second copy finds the row in the inbox and does not run the handler',
      committed: 'the order is committed, and its process is dead',
      completed: 'completed',
      soldOnce: 'paid once, sold once',
    },
    sentTwice: {
      title: 'A client sends the same purchase twice',
      expectation: 'the same Idempotency-Key means the same purchase: one debit, one order',
      same: 'the second answer is the first purchase',
      completed: 'completed',
      paidOnce: 'paid once',
    },
  },

  invariants: {
    money: 'Money is conserved',
    moneyFound: (deposited: string, left: string, paid: string): string =>
      `${deposited} deposited, ${left} left, ${paid} paid for orders`,
    message: 'Every purchase has its message, and what was refused left neither',
    messageFound: (purchases: number, messages: number): string => `${purchases} purchases, ${messages} messages`,
    order: 'Every completed purchase has its order, and there is no other order',
    orderFound: (purchases: number, orders: number): string => `${purchases} purchases completed, ${orders} orders`,
    orderSoFar: 'Every completed purchase has its order, and no order is there whose money was given back',
    open: 'No delivery is open, and each ended as its purchase did',
    ended: 'Every delivery that has ended, ended as its purchase did',
  },

  onPage: PAGE_EN,
};

export type Texts = typeof EN;
