/** The life of one director, from its configuration to the last signal. Everything it touches is an argument. */
import { randomInt } from 'node:crypto';
import type { DirectorApi } from '../api/routes.ts';
import { ensureSocketIsFree, type StatusServer, startStatusServer } from '../api/statusServer.ts';
import { UvsError } from '../base/errors.ts';
import type { Config } from '../config/model.ts';
import type { ConfigOutcome } from '../config/readConfig.ts';
import { Control, localAddresses } from '../control/control.ts';
import type { DirectorStatus } from '../control/directorStatus.ts';
import { planInterfaces, planTunDevices } from '../control/interfacePlan.ts';
import { chooseEngines, type IoCircumstances, type IoName, withoutXdp } from '../control/ioChoice.ts';
import type { Log } from '../control/log.ts';
import { UvsadmControl } from '../control/uvsadmControl.ts';
import type { DataPlane, startDataPlane } from '../dataplane/handle.ts';
import type { HostNetwork, LinkFacts } from '../network/hostNetwork.ts';
import { SCHEDULER_NAMES } from './schedulersCommand.ts';
import { countText, reportFaults } from './terminal.ts';
import { answerUvsadm } from './uvsadmCall.ts';

export type Signal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

/** The part of `process` that concerns signals and the exit. */
export interface Signals {
  on(signal: Signal, listener: () => void): unknown;
  off(signal: Signal, listener: () => void): unknown;
  exit(code: number): void;
}

/** How the worker threads run. */
export type ThreadOptions = Pick<Parameters<typeof startDataPlane>[0], 'idle' | 'workers' | 'cpus' | 'warmUp'>;

export interface DirectorOptions {
  readonly config: Config;
  /** Undefined = none: there is nothing to go back to on SIGHUP. */
  readonly configFile: string | undefined;
  /** Reads the configuration again, for SIGHUP. */
  readonly readConfig: () => ConfigOutcome;
  readonly io: IoName;
  /** Default: one worker, adaptive, on any processor. */
  readonly threads?: ThreadOptions;
  /** Asks the drivers; default: nothing is known of them. */
  readonly capabilities?: IoCircumstances['capabilities'];
  readonly socketPath: string;
  readonly network: HostNetwork;
  readonly startDataPlane: typeof startDataPlane;
  readonly log: Log;
  readonly version: string;
  readonly signals: Signals;
}

/** A director is ready without them when the next hops take longer; frames for those are counted drops until then. */
const NEXT_HOPS_WAIT_MS = 1000;
/** A worker that does not end by itself is left to the end of the process. */
const STOP_WAIT_MS = 5000;
const EXIT_FORCED = 130;

/** @returns the exit code, when the director has ended; rejects with UvsError when it could not start */
export async function runDirector(options: DirectorOptions): Promise<number> {
  const { config, network, log, socketPath } = options;
  await ensureSocketIsFree(socketPath);
  const planned = await (options.io === 'tun' ? planTunDevices : planInterfaces)(config, network);
  for (const { link, reason } of planned) log.info({ interface: link.name }, `interface ${link.name}: ${reason}`);
  const links = planned.map(({ link }) => link);
  const addresses = await localAddresses(network);
  const dataPlane = await startBestDataPlane(options, links, addresses);
  const control = new Control({
    dataPlane,
    network,
    links: await openedLinks(links, network),
    localAddresses: addresses,
    wait: waitByTimer,
    log,
  });
  let server: StatusServer | undefined;
  const watch = watchSignals(options, control);
  try {
    await control.use(config);
    await Promise.race([control.settled(), watch.stopped, pause(NEXT_HOPS_WAIT_MS)]);
    server = await startStatusServer(socketPath, directorApi(options, control));
    log.info(
      { socket: socketPath },
      `ready: ${countText(config.services.length, 'service')}; \`uvs status\` and \`uvsadm\` ask at ${socketPath}`,
    );
    const death = await Promise.race([watch.stopped, dataPlane.ended]);
    if (death !== undefined) log.error({ err: death }, `the data plane died: ${death.message}`);
    return death === undefined ? 0 : 1;
  } finally {
    control.stop();
    await server?.close();
    await Promise.race([dataPlane.stop(), pause(STOP_WAIT_MS)]);
    watch.end();
    log.info({}, 'stopped');
  }
}

/** What the director answers on its socket. */
function directorApi(options: DirectorOptions, control: Control): DirectorApi {
  const { config, network, log } = options;
  const uvsadm = new UvsadmControl({
    control,
    // A service without a scheduler is one, too.
    knowsScheduler: (name) => name === 'none' || SCHEDULER_NAMES.schedulers.includes(name),
    network,
    tableSize: config.limits.connections,
    log,
  });
  return {
    status: statusReader(options, control),
    settings: () => control.settings,
    changeSettings: (values) => control.changeSettings(values),
    zeroStatistics: (service) => control.zeroStatistics(service),
    uvsadm: (call, output) => answerUvsadm(call, uvsadm, output),
  };
}

/** With `auto`, an interface that does not open by AF_XDP is opened by AF_PACKET. */
async function startBestDataPlane(
  options: DirectorOptions,
  links: readonly LinkFacts[],
  addresses: readonly string[],
): Promise<DataPlane> {
  const { config, io, log } = options;
  const start = (interfaces: ReturnType<typeof chooseEngines>) => {
    for (const { name, io: engine, reason } of interfaces)
      log.info({ interface: name, io: engine }, `${name} by ${engine}: ${reason}`);
    const requests = interfaces.map(({ name, io: engine }) => ({ name, io: engine }));
    return options.startDataPlane({
      interfaces: requests,
      limits: config.limits,
      seed: randomInt(2 ** 32),
      localAddresses: addresses,
      ...options.threads,
    });
  };
  const first = chooseEngines(io, links, circumstances(config, options.threads?.workers, options.capabilities));
  const second = io === 'auto' ? withoutXdp(first) : undefined;
  try {
    return await start(first);
  } catch (error) {
    if (second === undefined || !(error instanceof UvsError)) throw error;
    log.warn({ err: error }, `${error.message}; trying without xdp`);
    return start(second);
  }
}

/** What beside the interfaces decides about `--io auto`. */
export function circumstances(
  { services }: Config,
  workers = 1,
  capabilities: IoCircumstances['capabilities'] = () => undefined,
): IoCircumstances {
  const methods = services.flatMap(({ realServers }) => realServers.map(({ method }) => method));
  return {
    isOneWay: methods.length > 0 && methods.every((method) => method !== 'masq' && method !== 'fullnat'),
    workers,
    capabilities,
  };
}

/** As they are now: TUN devices may just have been made. */
async function openedLinks(planned: readonly LinkFacts[], network: HostNetwork): Promise<readonly LinkFacts[]> {
  const links = await network.links();
  return planned.map((link) => links.find(({ name }) => name === link.name) ?? link);
}

/** SIGINT and SIGTERM end the director, a second one at once; SIGHUP reads the configuration again. */
function watchSignals(options: DirectorOptions, control: Control): { stopped: Promise<undefined>; end: () => void } {
  const { signals, log } = options;
  const stopping = Promise.withResolvers<undefined>();
  let isStopping = false;
  const stop = () => {
    if (isStopping) return signals.exit(EXIT_FORCED);
    isStopping = true;
    log.info({}, 'stopping; once more to force it');
    stopping.resolve(undefined);
  };
  const reload = () => void reloadConfig(options, control);
  signals.on('SIGINT', stop);
  signals.on('SIGTERM', stop);
  signals.on('SIGHUP', reload);
  const end = () => {
    signals.off('SIGINT', stop);
    signals.off('SIGTERM', stop);
    signals.off('SIGHUP', reload);
  };
  return { stopped: stopping.promise, end };
}

/** Faults change nothing. */
async function reloadConfig({ configFile, readConfig, config: started, log }: DirectorOptions, control: Control): Promise<void> {
  if (configFile === undefined) {
    log.info({}, 'there is no configuration to read again: services stay as uvsadm has made them');
    return;
  }
  try {
    const { config, faults } = readConfig();
    if (config === undefined) {
      log.error({ faults: faults.length }, `the configuration has ${countText(faults.length, 'fault')}, nothing was changed`);
      reportFaults(faults);
      return;
    }
    const isFixed = (key: 'interfaces' | 'limits') => JSON.stringify(config[key]) === JSON.stringify(started[key]);
    for (const key of ['interfaces', 'limits'] as const) {
      if (!isFixed(key)) log.warn({ key }, `${key} were changed in the configuration: that takes effect at the next start`);
    }
    const actions = await control.use(config);
    log.info({ actions: actions.length }, `configuration read again: ${countText(actions.length, 'action')}`);
  } catch (error) {
    log.error({ err: error }, `the configuration was not applied, nothing was changed: ${String(error)}`);
  }
}

function statusReader(
  { version, configFile }: DirectorOptions,
  control: Control,
): (connections: number) => Promise<DirectorStatus> {
  const startedAt = performance.now();
  return async (connections) => ({
    version,
    pid: process.pid,
    configFile: configFile ?? '',
    uptimeSeconds: Math.floor((performance.now() - startedAt) / 1000),
    dataPlane: await control.status(connections),
  });
}

function waitByTimer(milliseconds: number, then: () => void): () => void {
  const timer = setTimeout(then, milliseconds);
  return () => clearTimeout(timer);
}

/** Does not keep the process alive. */
function pause(milliseconds: number): Promise<undefined> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(undefined), milliseconds).unref();
  });
}
