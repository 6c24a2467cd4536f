import { isPaused, pauseText } from './pause';

it.each([
  [{}, true, 'everything'],
  [{ to: 'order-service' }, true, 'to:order-service'],
  [{ type: 'order.requested' }, true, 'type:order.requested'],
  [{ to: 'order-service', type: 'order.requested' }, true, 'to:order-service type:order.requested'],
  [{ to: 'mail-service' }, false, 'to:mail-service'],
  [{ to: 'order-service', type: 'order.amended' }, false, 'to:order-service type:order.amended'],
])('a pause of %j is about an order that is requested of order-service: %s, and reads %s', (target, about, text) => {
  expect(isPaused([target], 'order-service', 'order.requested')).toBe(about);
  expect(pauseText(target)).toBe(text);
});

it('one of several is enough', () => {
  expect(isPaused([{ to: 'mail-service' }, { type: 'order.requested' }], 'order-service', 'order.requested')).toBe(
    true,
  );
  expect(isPaused([], 'order-service', 'order.requested')).toBe(false);
});
