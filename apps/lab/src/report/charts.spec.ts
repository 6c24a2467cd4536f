import type { HappyRow } from '../experiments/happy';
import { charts } from './charts';

describe('the charts of table A', () => {
  it('have a bar for each protocol, in its order', () => {
    const row = { client: { p50: 1.25, p95: 2 }, final: { p50: 20, p95: 30 }, lockMs: 4, cold: 100, hot: 50 };
    const text = charts(
      ['naive', 'saga'].map((protocol, index) => ({ ...row, protocol, hot: 50 + index }) as HappyRow),
    );
    expect(text.match(/^xychart-beta horizontal$/gm)).toHaveLength(5);
    expect(text.match(/^ {2}x-axis \["naive", "saga"\]$/gm)).toHaveLength(5);
    expect(text).toContain(
      'title "Until the shopper has an answer, ms (median)"\n  x-axis ["naive", "saga"]\n  bar [1.3, 1.3]',
    );
    expect(text).toContain('bar [50.0, 51.0]');
  });
});
