import { type Machine, type MachineSettings, startMachine } from './machine.ts'
import { run } from './programs.ts'

/** A network of machines that nobody else is on. */
export type Lan = {
  /** Starts a machine on it, with this address. */
  join: (packages: string, address: string, settings: MachineSettings) => Promise<Machine>
  end: () => Promise<void>
}

/** `hub`: the folder of packages of the machine that the others hang on. */
export async function startLan(hub: string): Promise<Lan> {
  const middle = await startMachine(hub, { name: 'hub', hasOwnNet: true })
  await middle.must(['sh', '-c', 'ip link set lo up; ip link add br0 type bridge; ip link set br0 up'])
  const machines: Machine[] = [middle]
  let count = 0
  return {
    async join(packages, address, settings) {
      const machine = await startMachine(packages, { ...settings, hasOwnNet: true })
      machines.push(machine)
      const port = `port${++count}`
      const wire = ['ip', 'link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', machine.pid]
      // By the number that the machine has here.
      const { code, err } = await run('nsenter', ['-t', middle.pid, '-n', ...wire])
      if (code !== 0) throw new Error(`no wire to ${settings.name}: ${err}`)
      await middle.must(['ip', 'link', 'set', port, 'master', 'br0', 'up'])
      await machine.must(['ip', 'link', 'set', 'lo', 'up'])
      await machine.must(['ip', 'addr', 'add', `${address}/24`, 'broadcast', '+', 'dev', 'eth0'])
      await machine.must(['ip', 'link', 'set', 'eth0', 'up'])
      return machine
    },
    async end() {
      await Promise.all(machines.map((machine) => machine.end()))
    },
  }
}
