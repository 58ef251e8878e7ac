import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';

/** The cores that this process may use, where Linux tells. */
function allowedCores(): number[] {
  try {
    const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '';
    return list.split(',').flatMap((range) => {
      const [first, last = first] = range.split('-').map(Number);
      return Array.from({ length: last! - first! + 1 }, (_, index) => first! + index);
    });
  } catch {
    return [];
  }
}

const cores = allowedCores();
const canPin = cores.length > 1 && spawnSync('taskset', ['--version']).status === 0;

export const serverCore = 0;
export const loadCore = 1;

/** Keeps a process, all of its threads, on the nth of our cores; on any where there is no `taskset`, or one core only. */
export function pin(pid: number, nth: number): void {
  if (canPin)
    spawnSync('taskset', ['--all-tasks', '--cpu-list', '--pid', String(cores[nth % cores.length]), String(pid)]);
}

/** What the figures are measured on, and when. */
export function describeMachine(): string {
  const all = cpus();
  const pinning = canPin
    ? 'servers pinned to one core, the load generator to another'
    : 'nothing pinned: there is no taskset, or only one core';
  const date = new Date().toISOString().slice(0, 10);
  const load = loadavg()[0]!.toFixed(2);
  return `${date}, Node ${process.version}, ${all.length} × ${all[0]?.model.trim() ?? 'unknown CPU'}; ${pinning}; load average before the run ${load}`;
}
