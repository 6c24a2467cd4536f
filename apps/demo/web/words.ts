import { language } from '@tallystick/dashboard/web/state';
import { type Texts, TEXTS } from '../src/texts';

/** Everything that is said, in the language of the address, or of the browser. */
export function all(): Texts {
  return TEXTS[language()];
}

export function words(): Texts['onPage'] {
  return all().onPage;
}
