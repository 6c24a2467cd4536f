import { request } from 'node:http';
import { Sampler } from '@tallystick/dashboard/kit';
import type { More, Picture } from './page';
import { PageServer } from './server';

/** Who may press what. (What the page shows, and what buttons do, page.e2e.spec.ts sees.) */
describe('The page of the demo', () => {
  const pressed: string[] = [];
  const theatre = {
    more: { story: false, presses: [] } satisfies More,
    press: (button: string): string | undefined => {
      pressed.push(button);
      return button === 'slow' ? 'Something is being played already.' : undefined;
    },
  };
  const take = jest.fn(() => Promise.reject<Picture>(new Error('nobody is there')));
  const setting = { transport: 'direct', services: { user: '', order: '' }, offers: [] } as const;
  const server = new PageServer(setting, new Sampler(take), theatre);
  let url: URL;

  beforeAll(async () => {
    url = new URL(await server.listen());
  });
  afterAll(() => server.close());
  beforeEach(() => void (pressed.length = 0));

  function answered(
    path: string,
    { body, headers = {} }: { body?: string; headers?: Record<string, string> } = {},
  ): Promise<{ status: number; policy: string; body: string }> {
    return new Promise((resolve, reject) => {
      const method = body === undefined ? 'GET' : 'POST';
      const asked = request(new URL(path, url), { method, headers }, (response) => {
        let text = '';
        response.on('data', (part) => (text += String(part)));
        response.on('end', () => {
          const policy = String(response.headers['content-security-policy']);
          resolve({ status: response.statusCode!, policy, body: text });
        });
      });
      asked.on('error', reject).end(body);
    });
  }
  const json = { 'content-type': 'application/json' };
  const buyOne = JSON.stringify({ button: 'buyOne' });

  it('lets whoever sits here press, and tells why not', async () => {
    expect(await answered('/api/press', { body: buyOne, headers: json })).toMatchObject({ status: 202 });
    const slow = JSON.stringify({ button: 'slow' });
    expect(await answered('/api/press', { body: slow, headers: json })).toMatchObject({ status: 409 });
    expect(pressed).toEqual(['buyOne', 'slow']);
  });

  it.each<[string, number, string, Record<string, string>]>([
    ['a page of another site', 403, buyOne, { ...json, 'sec-fetch-site': 'cross-site' }],
    ['a page of another port', 403, buyOne, { ...json, 'sec-fetch-site': 'same-site' }],
    ['a form', 403, buyOne, { 'content-type': 'text/plain' }],
    [
      'a page of another origin, where the browser says no more',
      403,
      buyOne,
      { ...json, origin: 'http://elsewhere.example' },
    ],
    ['a name that leads here', 403, buyOne, { ...json, host: 'elsewhere.example' }],
    ['a proxy', 403, buyOne, { ...json, 'x-forwarded-for': '203.0.113.9' }],
    ['a mistake', 400, '{"button":"toString"}', json],
    ['half a body', 400, '{"button":', json],
  ])('takes no press from %s', async (_, status, body, headers) => {
    expect(await answered('/api/press', { body, headers })).toMatchObject({ status });
    expect(pressed).toEqual([]);
  });

  it('tells browsers to load nothing from elsewhere, and asks no database where nobody watches', async () => {
    expect(await answered('/api/setting')).toMatchObject({
      status: 200,
      policy: expect.stringContaining("default-src 'self'"),
      body: JSON.stringify(setting),
    });
    expect(await answered('/etc/passwd')).toMatchObject({ status: 404 });
    expect(take).not.toHaveBeenCalled();
  });
});
