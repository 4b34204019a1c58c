import { RequestError } from '../api/errors.ts'
import type { Speaker } from '../bgp/speaker.ts'
import type { EventSink } from '../events/event.ts'
import { assert } from '../values/assert.ts'
import { formatMac, type Mac } from '../values/mac.ts'
import { attachInTurn } from './attach-queue.ts'
import { type Attachment, type AttachPlan, type CoveredPlan, rdNumbersOf } from './attachments.ts'
import type { VpnBackend } from './backend.ts'
import { backendOf } from './backends.ts'
import { ChangedState } from './changed-state.ts'
import type { VpnConfig } from './config.ts'
import type { Dataplanes } from './dataplanes.ts'
import { Detached } from './detached.ts'
import type { Identifiers } from './identifiers.ts'
import { gatewayEntries, instanceState, readvertises, type VpnInstance } from './instance.ts'
import { configure, type InstanceSettings, settingsBy, settingsOf } from './instance-settings.ts'
import { Instances } from './instances.ts'
import { Needs } from './needs.ts'
import { Numbers } from './numbers.ts'
import { PendingOperations } from './pending-operations.ts'
import { type AttachRequest, checkDescriptions, type DetachRequest, type ResolvedRequest } from './request.ts'
import { Serial } from './serial.ts'
import type { InstanceState, Keep, SavedState, StateChange } from './state.ts'
import { Unconfirmed } from './unconfirmed.ts'

/** What an attach changes of its instance besides its own endpoint, as it was before. */
type Former = CoveredPlan & { readonly settings: InstanceSettings }

/** The service's part of the state. */
export type ServiceState = Pick<SavedState, 'instances' | 'pending' | 'numbers'>

/**
 * The VPN instances of this node. Attach and detach are atomic: a failure leaves labels, RDs, devices, routes
 * and the previous good state unchanged.
 */
export class VpnService {
  private readonly byId = new Map<string, VpnInstance>()
  /** By id, as a live view. */
  readonly instances: ReadonlyMap<string, VpnInstance> = this.byId
  private readonly numbers: Numbers
  private readonly config: VpnConfig
  private readonly dataplanes: Dataplanes
  private readonly events: EventSink
  private readonly serial = new Serial()
  private readonly maker: Instances
  private readonly changed = new ChangedState(this.instances)
  private readonly keep: Keep
  private readonly pending: PendingOperations
  private readonly needs: Needs
  private readonly backend: VpnBackend
  private readonly detached = new Detached()
  readonly unconfirmed = new Unconfirmed()

  /** `keep` persists `changes`. */
  constructor(
    config: VpnConfig,
    speaker: Speaker,
    dataplanes: Dataplanes,
    events: EventSink,
    keep: Keep = async () => {},
  ) {
    const { instances, changed } = this
    const peers = () => speaker.peerConfigs.map(({ address }) => address)
    this.config = config
    this.keep = keep
    this.dataplanes = dataplanes
    this.events = events
    this.numbers = new Numbers(config.ranges.labels, speaker.convergence, changed)
    this.backend = backendOf({ config, dataplanes, events, instances, peers, time: speaker.convergence })
    const { numbers, backend } = this
    const sequenceChanged = (id: string, mac: Mac): void => {
      changed.mac(id, mac)
      void keep('synced')
    }
    this.maker = new Instances({ config, speaker, dataplanes, events, numbers, backend, sequenceChanged })
    this.pending = new PendingOperations(dataplanes, changed, keep)
    this.needs = new Needs({ instances, backend, pending: this.pending, dataplanes })
  }

  /** MPLS labels in use, and their uses. */
  get labels(): Identifiers {
    return this.numbers.labels
  }

  /** The state that a later process needs to continue. */
  snapshot(): ServiceState {
    return {
      instances: [...this.instances.values()].map(instanceState),
      pending: this.pending.entries(),
      numbers: this.numbers.snapshot(),
    }
  }

  /** The state changes since the last call. */
  changes(): StateChange[] {
    return this.changed.take()
  }

  /** Restores the attachments of an earlier process, without waiting for the kernel; call it first. */
  async restore({ instances, pending, numbers }: ServiceState): Promise<void> {
    this.numbers.restore(numbers)
    await this.backend.reserve(instances)
    for (const state of instances) this.restoreInstance(state)
    this.backend.restored()
    this.pending.restore(pending)
  }

  /** Starts with an empty state, but keeps the numbers of an earlier process blocked: peers may still have routes with them. */
  recall(state: ServiceState): void {
    this.numbers.recall(state)
  }

  /** Resolves when the port's own entries are programmed and its route is advertised. Throws `RequestError`. */
  attach(request: AttachRequest): Promise<void> {
    const { instanceId } = request
    const join = () => this.backend.joined(request)
    return attachInTurn(this.serial, request, join, async (joined) => {
      const existing = this.instances.get(instanceId)
      this.checkType(joined, existing)
      checkDescriptions(joined)
      const resolved = await this.backend.admit(joined)
      try {
        if (existing === undefined) await this.attachFirst(resolved)
        else await this.attachNext(existing, resolved)
      } catch (error) {
        // not before: with the endpoint an instance may have ended
        await this.keep('written')
        throw error
      } finally {
        this.needs.tried(instanceId)
      }
    })
  }

  /** Throws `RequestError` when there is no such endpoint, and was none recently. */
  detach(request: DetachRequest): Promise<void> {
    return this.serial.run([request.instanceId], async () => {
      const instance = this.instances.get(request.instanceId)
      if (instance?.attachments.covers(request) !== true && this.detached.has(request)) return
      if (instance === undefined)
        throw new RequestError('INSTANCE_UNKNOWN', `VPN ${request.instanceId} could not be found`)
      for (const attachment of instance.attachments.named(request)) {
        this.remove(instance, attachment)
        this.detached.add({ ...attachment, instanceId: request.instanceId })
      }
      this.detached.add(request)
      if (instance.attachments.isEmpty) this.end(instance)
      await this.keep('synced')
      const { instanceId, mac } = request
      this.events.emit({ type: 'detached', instance: instanceId, mac: formatMac(mac) })
    })
  }

  private checkType({ type, instanceId }: AttachRequest, existing: VpnInstance | undefined): void {
    const lack = this.config.lacks(type)
    if (lack !== null)
      throw new RequestError('VPN_TYPE_UNAVAILABLE', `vpn_type: ${type} cannot be served: ${lack}`)
    if (existing !== undefined && existing.type !== type)
      throw new RequestError(
        'INSTANCE_TYPE_CONFLICT',
        `vpn_type: VPN instance ${instanceId} is of type ${existing.type}, not ${type}`,
      )
  }

  private async attachFirst(request: ResolvedRequest): Promise<void> {
    const instance = await this.maker.create(request)
    this.needs.enter(instance)
    try {
      await this.settle(instance, request, () => this.enter(instance))
    } catch (error) {
      this.end(instance)
      throw error
    }
  }

  private async attachNext(instance: VpnInstance, request: ResolvedRequest): Promise<void> {
    if (instance.type === 'evpn') {
      const { vni } = instance.macVrf.config
      const { bridge } = instance.forwarding
      if (request.vni !== null && request.vni !== vni) {
        this.events.emit({ type: 'vni-kept', instance: request.instanceId, vni, asked: request.vni })
      }
      if (request.linuxBridge !== null && request.linuxBridge !== bridge) {
        const { instanceId, linuxBridge: asked } = request
        this.events.emit({ type: 'bridge-kept', instance: instanceId, bridge, asked })
      }
    }
    await this.settle(instance, request, () => {})
  }

  /** Programs the instance and the endpoint, then commits; on failure nothing of a new endpoint remains. */
  private async settle(instance: VpnInstance, request: ResolvedRequest, enter: () => void): Promise<void> {
    const { attachments } = instance
    const use = attachments.has(request.mac) ? null : labelUse(instance, request)
    // labels of EVPN are never programmed
    const isTaken = (one: number) => instance.type === 'ipvpn' && this.backend.isLabelTaken(one)
    const taken = await this.numbers.takeFor(request.instanceId, use, isTaken)
    let plan: AttachPlan | CoveredPlan
    try {
      plan = attachments.plan(request, taken, readvertises(instance, request))
      const other = 'add' in plan ? this.backend.claimPort(instance, plan.add) : null
      if (other !== null)
        throw new RequestError(
          'PORT_CONFLICT',
          `local_port: interface ${request.port} is attached to VPN instance ${other}`,
        )
    } catch (error) {
      taken.giveBack()
      throw error
    }
    const settings = settingsBy(request, instance)
    if (!('add' in plan)) {
      this.commit(instance, settings, plan)
      this.confirm(request)
      return this.keep('synced')
    }
    const programming = await this.needs.program(instance, plan, request.mayBeStale)
    if (programming.refusal !== null) {
      programming.retract()
      taken.giveBack()
      programming.settled()
      throw programming.refusal
    }
    enter()
    const change = plan.change.flatMap(({ mac, ip }) => attachments.get(mac, ip) ?? [])
    const former = { settings: settingsOf(instance), change }
    this.replace(instance, plan, settings)
    programming.settled()
    await this.keep('synced')
    await this.reach(instance, plan, former)
    this.confirm(request)
  }

  /** Sets targets, descriptions and advertisement, now that the kernel is ready. */
  private commit(instance: VpnInstance, settings: InstanceSettings, plan: AttachPlan | CoveredPlan): void {
    const { routing, attachments } = instance
    const { id } = routing.config
    configure(instance, settings)
    attachments.commit(plan)
    this.changed.instance(id)
    for (const attachment of plan.change) routing.addEndpoint(attachment)
    for (const { mac } of plan.change) this.changed.mac(id, mac)
    if ('add' in plan) {
      routing.addEndpoint(plan.add)
      for (const attachment of plan.remove) routing.removeEndpoint(attachment)
      this.changed.mac(id, plan.add.mac)
      for (const attachment of plan.remove) this.changed.attachment(id, attachment)
      this.backend.attached(instance, plan.add)
    }
  }

  private confirm({ instanceId, port, mac, ip }: ResolvedRequest): void {
    this.unconfirmed.confirm(instanceId, mac, ip?.ip ?? null)
    this.events.emit({ type: 'attached', instance: instanceId, port, mac: formatMac(mac) })
  }

  /** Commits a plan, and removes the entries and numbers that the endpoint needed only before. */
  private replace(instance: VpnInstance, plan: AttachPlan, settings: InstanceSettings): void {
    const { add, before, remove } = plan
    const gone = [...(before === null ? [] : [before]), ...remove]
    const entries = gone.flatMap((attachment) => this.needs.ofEndpoint(instance, attachment))
    this.commit(instance, settings, plan)
    if (gone.length > 0) this.needs.retract(instance, add, entries)
    const kept = rdNumbersOf(add)
    for (const number of gone.flatMap(rdNumbersOf))
      if (!kept.includes(number)) this.numbers.rds.release(number)
  }

  /** Waits for the route to an endpoint, which exists only while its port is up; an endpoint without one is as it was before, and so is the instance. */
  private async reach(instance: VpnInstance, plan: AttachPlan, former: Former): Promise<void> {
    const { add } = plan
    const routes = await this.backend.awaitedEntries(instance, add)
    const [failure] = routes.length === 0 ? [] : await this.dataplanes.settled(routes)
    if (failure === undefined) return
    this.undo(instance, plan, former)
    throw await this.backend.refusalOf(instance, add.port, failure)
  }

  /** Makes the instance as it was before a plan was committed. */
  private undo(instance: VpnInstance, plan: AttachPlan, { settings, change }: Former): void {
    const { add, before, remove } = plan
    const [present] = before === null ? remove : [before]
    if (present === undefined) {
      this.remove(instance, add)
      this.commit(instance, settings, { change })
    } else {
      for (const entry of this.needs.ofEndpoint(instance, present)) this.dataplanes.want(entry)
      const [replaced, gone] = before === null ? [null, [add]] : [add, []]
      this.replace(instance, { add: present, before: replaced, remove: gone, change }, settings)
    }
    for (const { readvertiseRd } of plan.change)
      if (readvertiseRd !== null) this.numbers.rds.release(readvertiseRd)
  }

  /** Removes an endpoint, with its numbers and the entries that it alone needed. */
  private remove(instance: VpnInstance, attachment: Attachment): void {
    const { attachments, routing } = instance
    const entries = this.needs.ofEndpoint(instance, attachment)
    attachments.remove(attachment)
    routing.removeEndpoint(attachment)
    this.changed.attachment(routing.config.id, attachment)
    for (const number of rdNumbersOf(attachment)) this.numbers.rds.release(number)
    if (!attachments.has(attachment.mac)) this.labels.release(attachment.label)
    this.needs.retract(instance, attachment, entries)
    this.backend.detached(instance, attachment)
  }

  private enter(instance: VpnInstance): void {
    const { id } = instance.routing.config
    assert(!this.byId.has(id), 'there are two VPN instances of one id', id)
    this.byId.set(id, instance)
    this.events.emit({ type: 'instance-created', instance: id, vpn: instance.type })
  }

  private restoreInstance(state: InstanceState): void {
    const instance = this.maker.restore(state)
    const { routing } = instance
    this.enter(instance)
    this.needs.restoreInstance(instance)
    routing.setGateway(state.gatewayIp)
    routing.setTargets(state.importTargets, state.exportTargets)
    if (instance.type === 'ipvpn' && state.type === 'ipvpn') {
      instance.vrf.setReadvertise(state.readvertise)
      instance.fallback = state.fallback
    }
    for (const { sequence, ...add } of state.attachments) {
      this.labels.claim(add.label, labelUse(instance, add))
      this.needs.restoreEndpoint(instance, add)
      instance.attachments.commit({ add, remove: [], change: [] })
      routing.addEndpoint(add, sequence)
      this.unconfirmed.restore(state.id, add)
    }
    this.changed.instance(state.id)
    for (const { mac } of state.attachments) this.changed.mac(state.id, mac)
  }

  private end(instance: VpnInstance): void {
    const { id } = instance.routing.config
    const gateways = gatewayEntries(instance)
    instance.routing.close()
    if (this.byId.delete(id)) this.events.emit({ type: 'instance-ended', instance: id, vpn: instance.type })
    this.changed.instance(id)
    this.needs.retractInstance(instance, gateways)
    this.maker.free(instance)
  }
}

function labelUse({ routing }: VpnInstance, { port, mac }: Pick<ResolvedRequest, 'port' | 'mac'>): string {
  return `Incoming traffic for ${routing.config.name}, interface ${port}, endpoint ${formatMac(mac)}`
}
