import { render } from 'preact';
import type { JSX } from 'preact';
import { useEffect, useLayoutEffect } from 'preact/hooks';
import type { Me } from '../src/page';
import { useAnswer } from './api';
import { InboxPage } from './inbox';
import { MachineryPage } from './machinery';
import { MessagePage } from './message';
import { MessagesPage } from './messages';
import { OperationsPage } from './operations';
import { OverviewPage } from './overview';
import { Answer } from './parts';
import { language, type Page, PAGES, type Route, route, t, theme, to, useRoute } from './state';

function App(): JSX.Element {
  const here = useRoute();
  const me = useAnswer<Me>('me');
  const shown = language();
  const dark = theme();
  useLayoutEffect(() => {
    document.documentElement.lang = shown;
    document.documentElement.dataset.theme = dark;
  }, [shown, dark]);
  useEffect(() => {
    document.title = `${t(here.page)} · ${me.value?.service ?? 'Outbox'}`;
  }, [here.page, me.value, shown]);
  const change = (param: string, value: string): string => to(here.page, { ...here.params, [param]: value });
  return (
    <>
      <a class="skip" href="#content" onClick={toContent}>
        {t('skip')}
      </a>
      <header>
        <h1>
          {me.value?.service ?? '…'}
          {me.value && (
            <span class={`badge ${/^prod/i.test(me.value.environment) ? 'danger' : ''}`}>{me.value.environment}</span>
          )}
        </h1>
        <nav aria-label="Outbox">
          {PAGES.map((page) => (
            <a key={page} href={to(page)} aria-current={page === section(here.page) ? 'page' : undefined}>
              {t(page)}
            </a>
          ))}
        </nav>
        <div class="switches">
          <a href={change('lang', shown === 'en' ? 'zh' : 'en')} lang={shown === 'en' ? 'zh' : 'en'}>
            {t('language')}
          </a>
          <a href={change('theme', dark === 'dark' ? 'light' : 'dark')}>{t('theme')}</a>
        </div>
      </header>
      <main id="content" tabIndex={-1}>
        <Answer of={me}>{(known) => <Content me={known} here={here} />}</Answer>
      </main>
    </>
  );
}

/** A message is one of the messages. */
function section(page: Page): Page {
  return page === 'message' ? 'messages' : page;
}

/** The address after the # is taken: it says which page this is. */
function toContent(event: Event): void {
  event.preventDefault();
  document.getElementById('content')?.focus();
}

function Content({ me, here: { page, params } }: { me: Me; here: Route }): JSX.Element {
  switch (page) {
    case 'overview':
      return <OverviewPage />;
    case 'messages':
      return <MessagesPage me={me} params={params} />;
    case 'message':
      return <MessagePage key={params.id} me={me} id={params.id ?? ''} />;
    case 'inbox':
      return <InboxPage me={me} params={params} />;
    case 'machinery':
      return <MachineryPage me={me} />;
    case 'operations':
      return <OperationsPage me={me} params={params} />;
    default:
      return page satisfies never;
  }
}

if (location.hash === '') history.replaceState(null, '', to(route().page));
render(<App />, document.body);
