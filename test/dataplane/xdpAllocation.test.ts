/** What the xdp path allocates: nothing, compiled or not. A process of its own, for V8's flags are those of a whole process. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const UNCOMPILED = ['--no-opt', '--no-maglev', '--no-sparkplug', '--min-semi-space-size=32'];
/** The clock of pauses is the native helper's. */
const lacksHelper = !existsSync(join(import.meta.dirname, '../../build/Release/uvs.node'));
/** The smallest object there is. */
const OBJECT_BYTES = 16;

test.skipIf(lacksHelper)(
  'frames through two AF_XDP ports and the wait for more allocate nothing, also where no compiler has seen the code (needs the native helper)',
  async () => {
    const script = join(import.meta.dirname, 'uncompiledXdp.ts');
    const { stdout } = await promisify(execFile)(process.execPath, [...UNCOMPILED, script]);
    const { bytesPerRound } = JSON.parse(stdout) as { bytesPerRound: number };
    expect(Math.abs(bytesPerRound)).toBeLessThan(OBJECT_BYTES / 2);
  },
);
