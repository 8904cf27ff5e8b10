/** `uvs demo`: a lab that shows a director at work; what `npm start` runs. */
import { UvsError } from '../base/errors.ts';
import { IO_NAMES } from '../control/ioChoice.ts';
import { type DemoScreen, runLive, runRequests } from '../lab/demo.ts';
import type { DemoOptions, DemoStage, ProgressListener } from '../lab/demoStage.ts';
import { LAB_METHODS, MAX_REAL_SERVERS } from '../lab/labPlan.ts';
import { openLabStage } from '../lab/labStage.ts';
import { labObstacle } from '../lab/namespaces.ts';
import { openSimulationStage } from '../lab/simulationStage.ts';
import { integerOption, parseCommandLine, wordOption } from './commandLine.ts';
import { SERVICE_OPTIONS, SERVICE_OPTIONS_HELP, serviceOptions } from './serviceOptions.ts';

const HELP = `Usage: uvs demo [OPTIONS]

Builds a client, a director and real servers in network namespaces, sends requests through the virtual address,
shows which real server answered, then goes on with a live view until Ctrl-C. Removes everything when it ends.

  --method METHOD      ${LAB_METHODS.join(', ')} (default dr)
${SERVICE_OPTIONS_HELP}
  --real-servers N     1 to ${MAX_REAL_SERVERS} (default 2)
  --requests N         how many before the live view (default 10)
  --udp                datagrams to a UDP echo instead of HTTP
  --ipv6               through the IPv6 virtual address
  --io IO              how the director attaches: auto, xdp, packet (default auto)
  --sim                in this process with simulated hosts: no root, no namespaces, no native code
  --once               end after the requests: 0 when every one was answered, else 1
  --json               as --once, and print one object: method, scheduler, io, requests, failed, perRealServer, seconds
`;

const OPTIONS = {
  method: { type: 'string', default: 'dr' },
  ...SERVICE_OPTIONS,
  'real-servers': { type: 'string', default: '2' },
  requests: { type: 'string', default: '10' },
  udp: { type: 'boolean', default: false },
  ipv6: { type: 'boolean', default: false },
  io: { type: 'string', default: 'auto' },
  sim: { type: 'boolean', default: false },
  once: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
} as const;

const MAX_REQUESTS = 1_000_000;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const EXIT_INTERRUPTED = 130;

/** @returns 0; 1 when a request was not answered; 130 when a signal came before the last one */
export async function demoCommand(args: readonly string[]): Promise<number> {
  const { values, wantsHelp } = parseCommandLine(args, { name: 'uvs demo', options: OPTIONS, positionals: [] });
  if (wantsHelp) {
    process.stdout.write(HELP);
    return 0;
  }
  const method = wordOption(values.method, '--method', LAB_METHODS);
  const options: DemoOptions = {
    method,
    ...serviceOptions(values, method),
    realServers: integerOption(values['real-servers'], '--real-servers', 1, MAX_REAL_SERVERS),
    requests: integerOption(values.requests, '--requests', 1, MAX_REQUESTS),
    udp: values.udp,
    family: values.ipv6 ? 'v6' : 'v4',
    io: wordOption(values.io, '--io', IO_NAMES),
  };
  if (options.io === 'tun' && !values.sim) {
    const hint = 'Use auto, xdp or packet; `uvs run --io tun` takes devices that its configuration names.';
    throw new UvsError('USAGE', 'the interfaces of a lab are no TUN devices', { hint });
  }
  const end = new AbortController();
  const onSignal = () => end.abort(new UvsError('LAB_FAILED', 'ended by a signal', { hint: 'Everything has been removed.' }));
  for (const signal of SIGNALS) process.on(signal, onSignal);
  // Nobody reads any more (`| head`): as good as a signal, for the lab must go. It is told late, so the listener stays.
  process.stdout.on('error', onSignal);
  const screen = values.json ? SILENT : terminalScreen();
  try {
    return await show(options, values, screen, end.signal);
  } finally {
    for (const signal of SIGNALS) process.off(signal, onSignal);
  }
}

interface ShowOptions {
  readonly sim: boolean;
  readonly once: boolean;
  readonly json: boolean;
}

async function show(options: DemoOptions, { sim, once, json }: ShowOptions, screen: DemoScreen, signal: AbortSignal) {
  const stage = await openStage(options, sim, screen, signal);
  if (stage === undefined) return EXIT_INTERRUPTED;
  try {
    screen.line('');
    const summary = await runRequests(stage, options, screen, signal);
    if (json) process.stdout.write(`${JSON.stringify(summary)}\n`);
    if (signal.aborted) return EXIT_INTERRUPTED;
    if (!once && !json) await runLive(stage, options, screen, signal);
    return summary.failed === 0 ? 0 : 1;
  } finally {
    await stage.close();
  }
}

/** @returns undefined when a signal came first */
async function openStage(
  options: DemoOptions,
  sim: boolean,
  screen: DemoScreen,
  signal: AbortSignal,
): Promise<DemoStage | undefined> {
  const { method, scheduler, realServers, udp, family } = options;
  const what = `${udp ? 'UDP echo' : 'HTTP'} over IP${family}`;
  screen.line(`uvs demo: method ${method}, scheduler ${scheduler}, ${realServers} real servers, ${what}`);
  const onProgress = progress(screen);
  const obstacle = sim ? undefined : labObstacle();
  if (obstacle !== undefined) {
    process.stderr.write(`${obstacle.message}: this is the simulation instead of real frames\n`);
  }
  if (sim || obstacle !== undefined) return openSimulationStage(options, onProgress);
  try {
    return await openLabStage(options, onProgress, signal);
  } catch (error) {
    if (signal.aborted) return undefined;
    if (!isForbidden(error)) throw error;
    process.stderr.write('this root may not make network namespaces: this is the simulation instead of real frames\n');
    return openSimulationStage(options, onProgress);
  }
}

/** A container's root without CAP_NET_ADMIN or CAP_SYS_ADMIN. */
function isForbidden(error: unknown): boolean {
  return (
    error instanceof UvsError && error.code === 'LAB_FAILED' && /ip -batch -: .*Operation not permitted/s.test(error.message)
  );
}

function progress(screen: DemoScreen): ProgressListener {
  let at = performance.now();
  return (step) => {
    const seconds = (performance.now() - at) / 1000;
    screen.line(`  ${step} (${seconds.toFixed(2)} s)`);
    at = performance.now();
  };
}

const SILENT: DemoScreen = { isTerminal: false, line() {}, redraw() {} };

function terminalScreen(): DemoScreen {
  const { stdout } = process;
  let shown = 0;
  return {
    isTerminal: stdout.isTTY === true,
    line(text) {
      shown = 0;
      stdout.write(`${text}\n`);
    },
    redraw(lines) {
      // Up to where the last view began, and clear from there (ECMA-48 CPL and ED).
      const back = shown === 0 ? '' : `\x1b[${shown}F\x1b[J`;
      stdout.write(back + lines.map((text) => `${text}\n`).join(''));
      shown = lines.length;
    },
  };
}
