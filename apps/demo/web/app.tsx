import { Problem } from '@tallystick/dashboard/web/parts';
import { language, route, theme, useRoute } from '@tallystick/dashboard/web/state';
import type { JSX } from 'preact';
import { render } from 'preact';
import { useLayoutEffect } from 'preact/hooks';
import { useLive, useSetting } from './api';
import { Buttons } from './buttons';
import { Flow } from './flow';
import { Counters, Invariants, Tables } from './tables';
import { words } from './words';

function App(): JSX.Element {
  useRoute();
  const setting = useSetting();
  const { picture, story, presses, away } = useLive();
  const [shown, dark, says] = [language(), theme(), words()];
  useLayoutEffect(() => {
    document.documentElement.lang = shown;
    document.documentElement.dataset.theme = dark;
    document.title = `${says.title} · Tallystick`;
  }, [shown, dark]);
  return (
    <>
      <a class="skip" href="#content" onClick={toContent}>
        {says.skip}
      </a>
      <header>
        <h1>{says.title}</h1>
        <p class="grow">{picture && !away && <span class="live">{says.live}</span>}</p>
        <div class="switches">
          <a href={change('lang', shown === 'en' ? 'zh' : 'en')} lang={shown === 'en' ? 'zh' : 'en'}>
            {says.language}
          </a>
          <a href={change('theme', dark === 'dark' ? 'light' : 'dark')}>{says.theme}</a>
        </div>
      </header>
      <main id="content" tabIndex={-1}>
        {away && <Problem text={says.away} />}
        {picture && setting ? (
          <>
            <Flow picture={picture} setting={setting} />
            <Counters picture={picture} />
            <Invariants picture={picture} />
            <Buttons offers={setting.offers} more={{ story: story ?? true, presses: presses ?? [] }} />
            <Tables picture={picture} />
          </>
        ) : (
          !away && <p class="soft">{says.loading}</p>
        )}
      </main>
    </>
  );
}

/** The whole state is in the address. */
function change(name: string, value: string): string {
  return `#/?${new URLSearchParams({ ...route().params, [name]: value })}`;
}

/** The address after the # is taken. */
function toContent(event: Event): void {
  event.preventDefault();
  document.getElementById('content')?.focus();
}

render(<App />, document.body);
