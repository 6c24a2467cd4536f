import { BUTTONS, type Means } from './buttons';
import { judge } from './judgement';
import type { ButtonName, More, Offer, Press } from './page';
import { Scene, type World } from './scene';

/** Where buttons are pressed: one at a time, so that what is seen afterwards is what that one did. */
export class Theatre {
  /** The story in the terminal breaks things too, and checks what comes of it. */
  story = true;
  private readonly latest = new Map<ButtonName, Press>();
  private presses = 0;
  private scene: Scene | undefined;
  private playing: Promise<void> | undefined;

  constructor(
    private readonly means: Means,
    private readonly world: World,
  ) {}

  get offers(): Offer[] {
    return (Object.keys(BUTTONS) as ButtonName[]).map((button) => {
      const obstacle = BUTTONS[button].obstacle?.(this.means);
      return { button, ...(obstacle && { obstacle }) };
    });
  }

  get more(): More {
    return { story: this.story, presses: [...this.latest.values()] };
  }

  /** Begins, if it can. @returns why not */
  press(button: ButtonName): string | undefined {
    if (this.story) return 'The story in the terminal is not over yet.';
    if (this.playing) return 'Something is being played already.';
    if (BUTTONS[button].obstacle?.(this.means)) return 'That makes no sense here.';
    this.scene = new Scene(this.world);
    const press: Press = { button, number: ++this.presses, steps: this.scene.steps, state: 'running', claims: [] };
    this.latest.set(button, press);
    this.playing = this.play(this.scene, press).finally(() => (this.playing = undefined));
    return undefined;
  }

  /** Resolves when nothing is played any more: whatever a press had broken is whole again. */
  async close(): Promise<void> {
    this.story = true;
    await this.playing;
  }

  /** Never rejects. */
  private async play(scene: Scene, press: Press): Promise<void> {
    let problem: string | undefined;
    try {
      await BUTTONS[press.button].play(scene, this.means);
    } catch (error) {
      problem = (error as Error).message;
    }
    if (scene.signal.aborted) return;
    const claims = await scene.witness().then(
      (witness) => judge(press.button, witness),
      () => [],
    );
    const kept = problem === undefined && claims.length > 0 && claims.every(({ holds }) => holds);
    this.latest.set(press.button, {
      ...press,
      claims,
      state: kept ? 'kept' : 'broken',
      ...(problem !== undefined && { problem }),
    });
  }
}

export function isButton(name: unknown): name is ButtonName {
  return typeof name === 'string' && Object.hasOwn(BUTTONS, name);
}
