/**
 * Labs on this machine: up, down, status. A lab has no memory but its namespaces, so whatever a crashed run has left behind, `up` and
 * `down` find it by name and remove it.
 */
import { rmSync } from 'node:fs';
import type { LabPlan } from './labPlan.ts';
import { checkLabName, labFolder, parseNamespaceName } from './labPlan.ts';
import { formatScript, hostScript, type LabScript, namespaceScripts, shellText } from './labSteps.ts';
import { commandLine, labObstacle, listNamespaces, namespaceProcesses, removeNamespaces, runIp } from './namespaces.ts';

/** Told of each command before it runs. */
export type LabListener = (command: string) => void;

export interface NamespaceStatus {
  readonly namespace: string;
  readonly node: string;
  readonly processes: readonly { readonly pid: number; readonly command: string }[];
}

export interface LabStatus {
  readonly name: string;
  readonly namespaces: readonly NamespaceStatus[];
}

/**
 * Builds the plan's namespaces and links, after removing what there is of a lab of this name. When a step fails nothing is left.
 * Rejects with LAB_FAILED, TOOL_MISSING, NOT_ROOT or NOT_LINUX.
 */
export async function labUp(plan: LabPlan, listener: LabListener = () => {}): Promise<void> {
  await labDown(plan.name, listener);
  try {
    await runScript(hostScript(plan), listener);
    await Promise.all(namespaceScripts(plan).map((script) => runScript(script, listener)));
  } catch (error) {
    await labDown(plan.name, listener);
    throw error;
  }
}

/** Ends every process of a lab, removes its namespaces and its files. @returns false when there was no such lab */
export async function labDown(name: string, listener: LabListener = () => {}): Promise<boolean> {
  checkLabName(name);
  refuseObstacle();
  const namespaces = listNamespaces().filter((namespace) => parseNamespaceName(namespace)?.lab === name);
  for (const namespace of namespaces) listener(`ip netns del ${namespace}`);
  await removeNamespaces(namespaces);
  rmSync(labFolder(name), { recursive: true, force: true });
  return namespaces.length > 0;
}

/** Names of the labs of which anything exists, sorted. */
export async function listLabs(): Promise<string[]> {
  refuseObstacle();
  const labs = listNamespaces().map((namespace) => parseNamespaceName(namespace)?.lab);
  return [...new Set(labs.filter((lab) => lab !== undefined))].sort();
}

/** What exists of a lab. @returns undefined when nothing does */
export async function labStatus(name: string): Promise<LabStatus | undefined> {
  checkLabName(name);
  refuseObstacle();
  const ours = listNamespaces()
    .map((namespace) => ({ namespace, node: parseNamespaceName(namespace) }))
    .filter(({ node }) => node?.lab === name);
  if (ours.length === 0) return undefined;
  const namespaces = await Promise.all(
    ours.map(async ({ namespace, node }) => {
      const pids = await namespaceProcesses(namespace);
      return { namespace, node: node!.node, processes: pids.map((pid) => ({ pid, command: commandLine(pid) })) };
    }),
  );
  return { name, namespaces: namespaces.sort((a, b) => (a.node < b.node ? -1 : 1)) };
}

async function runScript(script: LabScript, listener: LabListener): Promise<void> {
  for (const command of formatScript(script)) listener(command);
  if (script.namespace === null) await runIp(['-batch', '-'], script.lines.map((line) => `${line}\n`).join(''));
  else await runIp(['netns', 'exec', script.namespace, 'sh', '-c', shellText(script)]);
}

function refuseObstacle(): void {
  const obstacle = labObstacle();
  if (obstacle !== undefined) throw obstacle;
}
