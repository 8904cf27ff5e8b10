/** Which port `uvs run --io auto` takes in the three situations that it has to tell apart. */
import type { Cast } from './cast.ts';
import { setOffloads } from './placement.ts';
import { closeStage, openStage } from './stage.ts';
import { startUvs } from './uvsPeer.ts';

export interface AutoChoices {
  readonly withOffloads: string;
  readonly withoutOffloads: string;
  /** A director that only routes (DR), and so never sees a large frame come back. */
  readonly onlyRoute: string;
}

/** Starts a director by `auto` three times. A choice that cannot be had is `none`. */
export async function askForChoices(cast: Cast): Promise<AutoChoices> {
  return {
    withOffloads: await chosen(cast, true, ['masq']),
    withoutOffloads: await chosen(cast, false, ['masq']),
    onlyRoute: await chosen(cast, true, ['route']),
  };
}

async function chosen({ folder }: Cast, offloads: boolean, methods: readonly ('masq' | 'route')[]): Promise<string> {
  const stage = await openStage();
  try {
    await setOffloads(stage, offloads);
    const { peer, status } = await startUvs(stage, folder, { io: 'auto', wait: 'adaptive', methods });
    const { ports } = await status();
    await peer.stop();
    return ports.find(({ name }) => name === stage.front)?.io ?? 'none';
  } catch {
    return 'none';
  } finally {
    await closeStage(stage);
  }
}
