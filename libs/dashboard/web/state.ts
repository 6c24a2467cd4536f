import { useEffect, useState } from 'preact/hooks';
import { type Key, type Language, TEXT } from './text';

export const PAGES = ['overview', 'messages', 'inbox', 'machinery', 'operations'] as const;
export type Page = (typeof PAGES)[number] | 'message';

/** Where somebody is: all of it is in the address, so that it can be sent to somebody else. */
export interface Route {
  readonly page: Page;
  readonly params: Readonly<Record<string, string>>;
}

/** Of every page: they go along. */
const KEPT = ['lang', 'theme'];

export function route(): Route {
  const [page = '', query] = location.hash.replace(/^#\/?/, '').split('?');
  const params = Object.fromEntries(new URLSearchParams(query));
  return { page: page === 'message' || PAGES.includes(page as never) ? (page as Page) : 'overview', params };
}

/** The address of a page, for a link; what stays is kept. */
export function to(page: Page, params: Readonly<Record<string, string | undefined>> = {}): string {
  const here = route().params;
  const kept = Object.fromEntries(KEPT.flatMap((name) => (here[name] === undefined ? [] : [[name, here[name]]])));
  const all = Object.entries({ ...kept, ...params }).filter(([, value]) => value !== undefined && value !== '');
  const query = new URLSearchParams(all as [string, string][]).toString();
  return `#/${page}${query && `?${query}`}`;
}

export function useRoute(): Route {
  const [here, setHere] = useState(route);
  useEffect(() => {
    const moved = (): void => setHere(route());
    addEventListener('hashchange', moved);
    return () => removeEventListener('hashchange', moved);
  }, []);
  return here;
}

export function language(): Language {
  const asked = route().params.lang ?? navigator.language;
  return asked.startsWith('zh') ? 'zh' : 'en';
}

export function t(key: Key): string {
  return TEXT[language()][key];
}

export function theme(): 'light' | 'dark' {
  const { theme: asked } = route().params;
  if (asked === 'light' || asked === 'dark') return asked;
  return matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
}
