import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { rabbitAnswers } from '@tallystick/services';
import { throwAwayVhost } from './carrier';

jest.mock('@tallystick/services', () => ({ rabbitAnswers: jest.fn() }));

/** Against a management interface as far as the demo needs it. */
describe('a virtual host of its own', () => {
  const requests: string[] = [];
  let refused = '';
  let server: Server;
  let port: number;

  beforeAll(async () => {
    server = createServer((request, response) => {
      requests.push(`${request.method} ${request.url} ${request.headers.authorization}`);
      response.statusCode = refused && request.url!.includes(refused) ? 401 : 201;
      response.end();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    ({ port } = server.address() as { port: number });
  });
  afterAll(() => server.close());
  beforeEach(() => {
    requests.length = 0;
    refused = '';
    jest.mocked(rabbitAnswers).mockReset().mockResolvedValue(true);
  });

  const ada = Buffer.from('ada:s@fe').toString('base64');

  it('is made with the rights to use it, and removed', async () => {
    const { url, remove } = await throwAwayVhost('amqp://ada:s%40fe@127.0.0.1:5673', port);
    await remove();

    const name = /^amqp:\/\/ada:s%40fe@127.0.0.1:5673\/(tallystick-demo-[0-9a-f]{8})$/.exec(url)?.[1];
    expect(requests).toEqual([
      `PUT /api/vhosts/${name} Basic ${ada}`,
      `PUT /api/permissions/${name}/ada Basic ${ada}`,
      `DELETE /api/vhosts/${name} Basic ${ada}`,
    ]);
  });

  it('is not left behind when it cannot be used', async () => {
    refused = 'permissions';
    await expect(throwAwayVhost('amqp://ada:s%40fe@127.0.0.1', port)).rejects.toThrow('401');
    expect(requests.at(-1)).toMatch(/^DELETE \/api\/vhosts\/tallystick-demo-/);
  });

  it('is not left behind on another broker than the one that was meant', async () => {
    jest.mocked(rabbitAnswers).mockResolvedValue(false);
    await expect(throwAwayVhost('amqp://ada:s%40fe@127.0.0.1', port)).rejects.toThrow('another broker');
    expect(requests.at(-1)).toMatch(/^DELETE \/api\/vhosts\/tallystick-demo-/);
  });

  it('is not to be had without a management interface', async () => {
    refused = 'vhosts';
    await expect(throwAwayVhost('amqp://ada:s%40fe@127.0.0.1', port)).rejects.toThrow('401');
  });
});
