import { conversationHeaders, inConversation } from './conversation';
import type { RecordedMessage } from './delivery';
import { CAUSATION_HEADER, CORRELATION_HEADER } from './envelope';

const message = (id: string, headers: Record<string, string> = {}) => ({ id, headers }) as unknown as RecordedMessage;

it('a message that nothing caused begins a conversation', () => {
  expect(conversationHeaders()).toEqual({});
});

it('what is added while one is handled was caused by it, and stays in its conversation', async () => {
  const first = await inConversation(message('one'), async () => conversationHeaders());
  expect(first).toEqual({ [CORRELATION_HEADER]: 'one', [CAUSATION_HEADER]: 'one' });
  const second = await inConversation(message('two', first), async () => conversationHeaders());
  expect(second).toEqual({ [CORRELATION_HEADER]: 'one', [CAUSATION_HEADER]: 'two' });
});
