import type { IncomingHttpHeaders } from 'node:http';
import type { Access } from './options';

/** Whom a request is from, and what they may do. */
export interface Visitor {
  readonly may: 'read' | 'operate';
  /** For the audit. */
  readonly name: string;
}

/** What is known of a request before anybody trusts it. */
export interface Arrival {
  /** Of the socket: nobody can claim another one. */
  readonly remoteAddress: string | undefined;
  readonly headers: IncomingHttpHeaders;
}

/** A proxy says with these whom it speaks for; on the same machine it comes from loopback itself. */
const FORWARDED = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'via'];
const LOOPBACK = /^(::1|(::ffff:)?127(\.\d{1,3}){3})$/;
const LOCAL_HOST = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i;

/**
 * Who may come in where no `authorize` was given: whoever sits at this machine. Headers can only take that away: one of a
 * proxy, and a host that is not this machine's name, which is how a page elsewhere would get here by a name of its own.
 */
export function isLocal({ remoteAddress, headers }: Arrival): boolean {
  return (
    LOOPBACK.test(remoteAddress ?? '') &&
    LOCAL_HOST.test(headers.host ?? '') &&
    FORWARDED.every((name) => headers[name] === undefined)
  );
}

/** What `authorize` answered, if it is an answer. Everything else is a no: a mistake must not open a door. */
export function visitorOf(access: Access): Visitor | undefined {
  const { may, name } = typeof access === 'object' && access !== null ? access : { may: access, name: 'dashboard' };
  if (may !== 'read' && may !== 'operate') return undefined;
  return { may, name: String(name) };
}

/**
 * Why a write is not done, or undefined. A page of somebody else can make a browser send it, with the cookies of whoever sits
 * there; but not as JSON without asking first, and browsers say where it came from. Programs say nothing, and may.
 */
export function foreignWrite({ headers }: Pick<Arrival, 'headers'>): string | undefined {
  if (!/^application\/json\b/i.test(headers['content-type'] ?? '')) return 'Send it as application/json.';
  const site = headers['sec-fetch-site'];
  if (site !== undefined) return site === 'same-origin' ? undefined : `It came from another site (${String(site)}).`;
  // Browsers leave that one out where the page came over plain HTTP.
  if (headers.origin === undefined || hostOf(headers.origin) === headers.host) return undefined;
  return `It came from a page of ${headers.origin}, and this is ${headers.host ?? 'another host'}.`;
}

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}
