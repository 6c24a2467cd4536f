import { Problem } from '@tallystick/dashboard/web/parts';
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { money } from '../src/money';
import type { More, Offer, Press } from '../src/page/page';
import { press } from './api';
import { words } from './words';

export function Buttons({ offers, more: { story, presses } }: { offers: readonly Offer[]; more: More }): JSX.Element {
  const { break: title, breakHint, story: storyHint } = words();
  const busy = story || presses.some(({ state }) => state === 'running');
  return (
    <section aria-labelledby="break">
      <h2 id="break">{title}</h2>
      <p class="soft">{story ? storyHint : breakHint}</p>
      <div class="buttons">
        {offers.map((offer) => (
          <Card
            key={offer.button}
            offer={offer}
            busy={busy}
            latest={presses.find(({ button }) => button === offer.button)}
          />
        ))}
      </div>
    </section>
  );
}

/** What to expect before, what is done meanwhile, whether it came true afterwards. */
function Card({
  offer: { button, obstacle },
  busy,
  latest,
}: {
  offer: Offer;
  busy: boolean;
  latest?: Press;
}): JSX.Element {
  const { buttons, expect, obstacles } = words();
  const [problem, setProblem] = useState<string>();
  const { label, expect: expected } = buttons[button];
  const blocked = busy || obstacle !== undefined;
  const onClick = (): void => {
    if (blocked) return;
    setProblem(undefined);
    press(button).catch((error: Error) => setProblem(error.message));
  };
  return (
    <article class={`card ${obstacle ? 'impossible' : ''}`} data-button={button}>
      {/* Not `disabled`: whoever pressed it with the keyboard stays where they are. */}
      <button type="button" aria-disabled={blocked} aria-describedby={`expect-${button}`} onClick={onClick}>
        {label}
      </button>
      <p id={`expect-${button}`}>
        <span class="soft">{expect}:</span> {expected}
      </p>
      {obstacle && <p class="obstacle">{obstacles[obstacle]}</p>}
      {problem !== undefined && <Problem text={problem} />}
      <div role="status">{latest && <Outcome of={latest} />}</div>
    </article>
  );
}

function Outcome({ of: { state, steps, claims, problem } }: { of: Press }): JSX.Element {
  const { running, cameTrue, didNot, steps: saysStep, claims: saysClaim } = words();
  return (
    <div class={`outcome ${state}`}>
      <p class="steps">{steps.map(({ step, count }) => saysStep[step](count ?? 0)).join(' · ')}</p>
      <p>
        <b>{state === 'running' ? `${running} …` : state === 'kept' ? `✓ ${cameTrue}` : `✗ ${didNot}`}</b>
      </p>
      {problem !== undefined && <Problem text={problem} />}
      <ul>
        {claims.map(({ claim, holds, found: [first = 0, second = 0] }) => (
          <li key={claim} class={holds ? 'good' : 'bad'}>
            <span aria-hidden="true">{holds ? '✓' : '✗'}</span> {saysClaim[claim](first, second, money)}
          </li>
        ))}
      </ul>
    </div>
  );
}
