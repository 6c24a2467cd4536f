/** Something that must hold, and what was found in the tables. The texts say it. */
export type Finding =
  | {
      readonly claim: 'money';
      readonly holds: boolean;
      readonly deposited: number;
      readonly left: number;
      readonly paid: number;
    }
  | { readonly claim: 'message'; readonly holds: boolean; readonly purchases: number; readonly messages: number }
  | {
      readonly claim: 'order' | 'orderSoFar';
      readonly holds: boolean;
      readonly completed: number;
      readonly orders: number;
    }
  | { readonly claim: 'open' | 'ended'; readonly holds: boolean; readonly states: Readonly<Record<string, number>> };
