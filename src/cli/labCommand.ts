/** `uvs lab`: clients, directors and real servers in network namespaces, to try a director on. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type LabListener, type LabStatus, labDown, labStatus, labUp, listLabs } from '../lab/lab.ts';
import { labConfig } from '../lab/labConfig.ts';
import { startRealServers } from '../lab/labHosts.ts';
import { LAB_METHODS, type LabPlan, labFolder, MAX_REAL_SERVERS } from '../lab/labPlan.ts';
import { planLab } from '../lab/topologies.ts';
import { integerOption, parseCommandLine, wordOption } from './commandLine.ts';
import { SERVICE_OPTIONS, SERVICE_OPTIONS_HELP, serviceOptions } from './serviceOptions.ts';

const HELP = `Usage: uvs lab up NAME [--method METHOD] [--real-servers N] [--json] [--verbose]
       uvs lab down [NAME] [--json] [--verbose]
       uvs lab status [NAME] [--json]

Network namespaces uvs-NAME-client, -director, -rs1 ... (and -router, -switch) with real servers that answer HTTP and UDP echo.
The director's place is empty: \`up\` says how to start one there. \`up\` replaces a lab of the same name; \`down\` without NAME
removes all labs, with every process inside.

  --method METHOD      ${LAB_METHODS.join(', ')} (default dr)
  --real-servers N     1 to ${MAX_REAL_SERVERS} (default 2)
${SERVICE_OPTIONS_HELP}
  --json               print the outcome as JSON
  --verbose            print each command
`;

const COMMON = { json: { type: 'boolean', default: false }, verbose: { type: 'boolean', default: false } } as const;
const UP_OPTIONS = {
  ...COMMON,
  method: { type: 'string', default: 'dr' },
  'real-servers': { type: 'string', default: '2' },
  ...SERVICE_OPTIONS,
} as const;
const ACTIONS = ['up', 'down', 'status'] as const;

/** @returns 0; `status` of a lab that does not exist returns 1 */
export async function labCommand(args: readonly string[]): Promise<number> {
  const [action = '--help', ...rest] = args;
  if (action === '--help' || action === '-h' || rest.includes('--help') || rest.includes('-h')) {
    process.stdout.write(HELP);
    return 0;
  }
  switch (wordOption(action, 'uvs lab', ACTIONS)) {
    case 'up':
      return up(rest);
    case 'down':
      return down(rest);
    case 'status':
      return status(rest);
  }
}

async function up(args: readonly string[]): Promise<number> {
  const syntax = { name: 'uvs lab up', options: UP_OPTIONS, positionals: ['NAME'] };
  const { values, positionals } = parseCommandLine(args, syntax);
  const method = wordOption(values.method, '--method', LAB_METHODS);
  const realServers = integerOption(values['real-servers'], '--real-servers', 1, MAX_REAL_SERVERS);
  const { scheduler, ...services } = serviceOptions(values, method);
  const plan = planLab(positionals[0]!, method, realServers);
  await labUp(plan, listener(values.verbose));
  try {
    for (const server of await startRealServers(plan)) server.leaveRunning();
    mkdirSync(labFolder(plan.name), { recursive: true });
    writeFileSync(configFile(plan.name), labConfig(plan, scheduler, services));
  } catch (error) {
    await labDown(plan.name);
    throw error;
  }
  process.stdout.write(values.json ? `${JSON.stringify(planFacts(plan))}\n` : upText(plan));
  return 0;
}

async function down(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseCommandLine(args, {
    name: 'uvs lab down',
    options: COMMON,
    positionals: optionalName(args),
  });
  const names = positionals.length > 0 ? positionals : await listLabs();
  const removed: string[] = [];
  for (const name of names) {
    if (await labDown(name, listener(values.verbose))) removed.push(name);
  }
  if (values.json) process.stdout.write(`${JSON.stringify({ removed })}\n`);
  else process.stdout.write(removed.length === 0 ? 'there was no lab\n' : `removed ${removed.join(', ')}\n`);
  return 0;
}

async function status(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseCommandLine(args, {
    name: 'uvs lab status',
    options: COMMON,
    positionals: optionalName(args),
  });
  const names = positionals.length > 0 ? positionals : await listLabs();
  const found = (await Promise.all(names.map((name) => labStatus(name)))).filter((each) => each !== undefined);
  if (values.json) process.stdout.write(`${JSON.stringify({ labs: found })}\n`);
  else process.stdout.write(found.length === 0 ? 'there is no such lab\n' : found.map(statusText).join('\n'));
  return positionals.length > 0 && found.length === 0 ? 1 : 0;
}

/** NAME may be left out: it is asked for only when there is one. */
function optionalName(args: readonly string[]): string[] {
  return args.some((arg) => !arg.startsWith('-')) ? ['NAME'] : [];
}

function listener(verbose: boolean): LabListener {
  return verbose ? (command) => process.stderr.write(`${command}\n`) : () => {};
}

function configFile(name: string): string {
  return join(labFolder(name), 'uvs.yaml');
}

function planFacts(plan: LabPlan): object {
  const { name, method, nodes, switchNamespace, virtual, ports } = plan;
  const namespaces = [...nodes.map(({ namespace }) => namespace), switchNamespace];
  const realServers = plan.realServers.map((server) => ({ name: server.name, address: server.address }));
  return { name, method, namespaces, virtual, ports, realServers, config: configFile(name) };
}

function upText(plan: LabPlan): string {
  const { virtual, ports } = plan;
  const servers = plan.realServers.map(({ name, address }) => `  ${name.padEnd(8)}${address.v4.padEnd(16)}${address.v6}`);
  const director = `ip netns exec ${plan.director.namespace}`;
  return [
    `lab ${plan.name} is up: method ${plan.method}, HTTP on port ${ports.virtualHttp}, UDP echo on port ${ports.virtualEcho}`,
    `  ${'virtual'.padEnd(8)}${virtual.v4.padEnd(16)}${virtual.v6}`,
    ...servers,
    '',
    'Start a director, then ask it:',
    `  ${director} npx uvs run --config ${configFile(plan.name)}`,
    `  ip netns exec ${plan.client.namespace} curl http://${virtual.v4}/`,
    `  npx uvs lab down ${plan.name}`,
    '',
  ].join('\n');
}

function statusText({ name, namespaces }: LabStatus): string {
  const lines = namespaces.map(({ namespace, processes }) => {
    const commands = processes.map(({ pid, command }) => `    ${pid} ${command}`);
    return [`  ${namespace}`, ...commands].join('\n');
  });
  return `lab ${name}\n${lines.join('\n')}\n`;
}
