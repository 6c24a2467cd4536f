import { Problem } from '@tallystick/dashboard/web/parts';
import type { JSX } from 'preact';
import type { Picture, Setting, Side, Station } from '../src/page/page';
import { words } from './words';

const STATIONS: readonly Station[] = ['recorded', 'sent', 'decided', 'completed', 'refunded', 'parked'];

/** Of the drawing: its own unit, whatever the width of the page. */
const COLUMN = 100;
const HIGH = 104;
const STEP = 12;
const PER_ROW = 8;

/** Both services, what is between them, and where the latest messages are. */
export function Flow({ picture, setting }: { picture: Picture; setting: Setting }): JSX.Element {
  return (
    <section aria-labelledby="flow">
      <div class="services">
        <Service side="user" picture={picture} setting={setting} />
        <Between picture={picture} setting={setting} />
        <Service side="order" picture={picture} setting={setting} />
      </div>
      <h2 id="flow">{words().flow}</h2>
      <Messages of={picture.messages} />
    </section>
  );
}

function Service({ side, picture, setting }: { side: Side; picture: Picture; setting: Setting }): JSX.Element {
  const { up, down, links } = words();
  const runs = picture.running[side];
  return (
    <div class="service">
      <h3>{side}-service</h3>
      <p class={runs ? 'good' : 'bad'}>{runs ? up : down}</p>
      <p>
        <a href={`${setting.services[side]}/outbox/`}>{links.dashboard}</a>{' '}
        <a href={`${setting.services[side]}/docs`}>{links.api}</a>
      </p>
    </div>
  );
}

function Between({ picture: { queues }, setting }: { picture: Picture; setting: Setting }): JSX.Element {
  const { transport, counters, queueAway } = words();
  return (
    <div class="between">
      <p>⇄ {transport[setting.transport]}</p>
      {queues === null && <Problem text={`RabbitMQ ${queueAway}`} />}
      {queues && (
        <p class="soft">
          {counters.requests}: <b>{queues.requests}</b>
          <br />
          {counters.receipts}: <b>{queues.receipts}</b>
        </p>
      )}
    </div>
  );
}

/** A dot for each; it moves when its rows do. */
function Messages({ of }: { of: Picture['messages'] }): JSX.Element {
  const { stations, flow, noMessages } = words();
  const ids = new Map(STATIONS.map((station) => [station, of.filter(({ at }) => at === station).map(({ id }) => id)]));
  const told = STATIONS.map((station) => `${stations[station]}: ${ids.get(station)!.length}`).join(', ');
  return (
    <>
      {of.length === 0 && <p class="soft">{noMessages}</p>}
      <svg class="dots" viewBox={`0 0 ${COLUMN * STATIONS.length} ${HIGH}`} role="img" aria-label={`${flow}: ${told}`}>
        {STATIONS.slice(1).map((station, at) => (
          <line key={station} x1={COLUMN * (at + 1)} x2={COLUMN * (at + 1)} y1={0} y2={HIGH} />
        ))}
        {of.map(({ id, at }) => {
          const place = ids.get(at)!.length - 1 - ids.get(at)!.indexOf(id);
          const x = COLUMN * STATIONS.indexOf(at) + STEP * ((place % PER_ROW) + 0.8);
          const y = HIGH - STEP * (Math.floor(place / PER_ROW) + 0.7);
          return <circle key={id} class={at} cx={x} cy={y} r={4.5} />;
        })}
      </svg>
      <ol class="stations">
        {STATIONS.map((station) => (
          <li key={station} class={station}>
            <b>{ids.get(station)!.length}</b> {stations[station]}
          </li>
        ))}
      </ol>
    </>
  );
}
