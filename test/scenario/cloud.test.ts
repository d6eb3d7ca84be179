import { describe, expect, it } from '@jest/globals';
import { createCluster } from '../../examples/cloud/cluster.ts';
import {
  ClusterSchema,
  InstanceSchema,
  MigrationSchema,
  NodeSchema,
  ProjectSchema,
  TenantSchema,
  VolumeSchema,
} from '../../examples/cloud/entities.ts';
import { createInstance, deleteInstance } from '../../examples/cloud/instance.ts';
import { migrate } from '../../examples/cloud/migration.ts';
import { places } from '../../examples/cloud/places.ts';
import { cleanUpProject } from '../../examples/cloud/project.ts';
import { pullTenant } from '../../examples/cloud/tenant.ts';
import { extendVolume } from '../../examples/cloud/volume.ts';
import { newInstance, newProject, newTenant, volumeStates, withCloud } from '../support/cloud.ts';

describe('the cloud: create an instance', () => {
  it('makes its volumes first, each with its own lifecycle, and then the instance with its address', async () => {
    await withCloud(async (kit, dataSource) => {
      const tenant = await newTenant(dataSource, await newProject(dataSource));
      const { id } = await newInstance(dataSource, tenant, 'web', 2);
      places.cloud.fail('create volume', 'web-1', 'busy');
      const { executionId } = await kit.execute(createInstance, id);
      expect(await kit.drain()).toBe(0);
      await kit.clock.advance('1m');
      expect(await kit.result(executionId)).toMatchObject({ state: 'succeeded' });
      expect(places.cloud.asked().slice(1)).toEqual([
        'create volume web-1',
        'create volume web-1',
        'create volume web-2',
        'create instance web',
      ]);
      expect(await dataSource.manager.findOneByOrFail(InstanceSchema, { id })).toMatchObject({
        state: 'ok',
        runtimeState: 'ACTIVE',
        address: '10.0.0.3',
      });
      expect(await volumeStates(dataSource)).toEqual(['web-1 ok', 'web-2 ok']);
    });
  });

  it('that fails leaves each volume by its own state: made ones are ok, the failed one and the rest are erred', async () => {
    await withCloud(async (kit, dataSource) => {
      const tenant = await newTenant(dataSource, await newProject(dataSource));
      const { id } = await newInstance(dataSource, tenant, 'web', 3);
      places.cloud.fail('create volume', 'web-2');
      const { executionId } = await kit.execute(createInstance, id);
      await kit.clock.advance('1m');
      expect(await kit.result(executionId)).toMatchObject({ state: 'failed', error: { code: 'CHILD_FAILED' } });
      expect((await volumeStates(dataSource)).toSorted()).toEqual(
        expect.arrayContaining([expect.stringMatching(/^web-2 erred$/)]),
      );
      expect((await volumeStates(dataSource)).every((line) => / (ok|erred)$/.test(line))).toBe(true);
      expect((await dataSource.manager.findOneByOrFail(InstanceSchema, { id })).state).toBe('erred');
    });
  });
});

describe('the cloud: delete an instance', () => {
  it.each([
    [{ deleteVolumes: true, releaseAddress: true }, ['release web', 'stop web', 'destroy web'], []],
    [
      { deleteVolumes: false, releaseAddress: true },
      ['release web', 'stop web', 'destroy web'],
      ['web-1 ok', 'web-2 ok'],
    ],
    [{ deleteVolumes: false, releaseAddress: false }, ['stop web', 'destroy web'], ['web-1 ok', 'web-2 ok']],
  ])('with %j', async (input, asked, left) => {
    await withCloud(async (kit, dataSource) => {
      const tenant = await newTenant(dataSource, await newProject(dataSource));
      const { id } = await newInstance(dataSource, tenant, 'web', 2);
      await kit.execute(createInstance, id);
      await kit.clock.advance('1m');
      const before = places.cloud.asked().length;
      const { executionId } = await kit.execute(deleteInstance, id, input);
      await kit.clock.advance('1m');
      expect(await kit.result(executionId)).toMatchObject({ state: 'succeeded' });
      expect(places.cloud.asked().slice(before, before + asked.length)).toEqual(asked);
      expect(await volumeStates(dataSource)).toEqual(left);
      expect(await dataSource.manager.findOneBy(InstanceSchema, { id })).toBeNull();
    });
  });
});

describe('the cloud: extend a volume', () => {
  it.each([
    ['works', 'ok', ['detach web-1', 'extend web-1', 'attach web-1']],
    ['is refused', 'erred', ['detach web-1', 'extend web-1']],
  ] as const)('of an instance: when it %s both end %s', async (how, state, asked) => {
    await withCloud(async (kit, dataSource) => {
      const tenant = await newTenant(dataSource, await newProject(dataSource));
      const web = await newInstance(dataSource, tenant, 'web', 1);
      await kit.execute(createInstance, web.id);
      await kit.clock.advance('1m');
      const volume = await dataSource.manager.findOneByOrFail(VolumeSchema, { name: 'web-1' });
      if (how === 'is refused') places.cloud.fail('extend', 'web-1');
      const before = places.cloud.asked().length;
      const { executionId } = await kit.execute(extendVolume, volume.id, { sizeGb: 20 });
      await kit.clock.advance('1m');
      const outcome = await kit.result(executionId);
      const both = [
        await dataSource.manager.findOneByOrFail(VolumeSchema, { id: volume.id }),
        await dataSource.manager.findOneByOrFail(InstanceSchema, { id: web.id }),
      ];
      expect(both.map((row) => [row.state, row.action, row.errorMessage])).toEqual(
        both.map(() => [state, '', outcome.error?.message ?? '']),
      );
      expect(places.cloud.asked().slice(before)).toEqual(asked);
      expect((both[0] as { sizeGb?: number }).sizeGb).toBe(how === 'works' ? 20 : 10);
    });
  });
});

describe('the cloud: pull a tenant', () => {
  it('marks it when the cloud does not know it, and takes it back when it does', async () => {
    await withCloud(async (kit, dataSource) => {
      const tenant = await newTenant(dataSource, await newProject(dataSource));
      const read = () => dataSource.manager.findOneByOrFail(TenantSchema, { id: tenant.id });
      places.cloud.fail('pull quota', 'tenant');
      const first = await kit.execute(pullTenant, tenant.id);
      await kit.drain();
      expect(await kit.result(first.executionId)).toMatchObject({ state: 'succeeded' });
      expect(await read()).toMatchObject({
        state: 'erred',
        errorMessage: 'the cloud does not know this tenant any more',
      });
      await kit.execute(pullTenant, tenant.id);
      await kit.drain();
      expect(await read()).toMatchObject({ state: 'ok', errorMessage: '', quota: 100 });
      expect(places.cloud.asked().slice(1)).toEqual(['pull quota tenant', 'pull quota tenant', 'pull networks tenant']);
    });
  });
});

describe('the cloud: create a cluster', () => {
  it('with the control plane first, the other nodes side by side, and the cluster ok last', async () => {
    await withCloud(async (kit, dataSource) => {
      const cluster = await dataSource.manager.save(ClusterSchema, { name: 'k' });
      for (const name of ['n1', 'n2', 'n3', 'n4']) {
        await dataSource.manager.save(NodeSchema, { name, cluster, role: name === 'n1' ? 'controlplane' : 'worker' });
      }
      const { executionId } = await kit.execute(createCluster, cluster.id);
      await kit.clock.advance('1m');
      expect(await kit.result(executionId)).toMatchObject({ state: 'succeeded' });
      const transitions: { name: string; to: string }[] = await dataSource.query(
        `SELECT coalesce(n.name, 'cluster') AS name, v.data ->> 'to' AS to FROM reeve.event v
         LEFT JOIN cloud_node n ON n.id::text = v.resource_id WHERE v.kind = 'resource.transition' ORDER BY v.id`,
      );
      const order = transitions.map(({ name, to }) => `${name} ${to}`);
      expect(order.slice(0, 3)).toEqual(['cluster creating', 'n1 creating', 'n1 ok']);
      expect(order.at(-1)).toBe('cluster ok');
      const begun = ['n2', 'n3', 'n4'].map((name) => order.indexOf(`${name} creating`));
      const ended = ['n2', 'n3', 'n4'].map((name) => order.indexOf(`${name} ok`));
      expect(Math.max(...begun)).toBeLessThan(Math.min(...ended));
    });
  });
});

describe('the cloud: migrate', () => {
  it('copies what is there by then, deletes the sources, and holds both tenants meanwhile', async () => {
    await withCloud(async (kit, dataSource) => {
      const project = await newProject(dataSource);
      const [from, to] = [await newTenant(dataSource, project, 'a'), await newTenant(dataSource, project, 'b')];
      const web = await newInstance(dataSource, from, 'web', 3);
      await kit.execute(createInstance, web.id);
      await kit.clock.advance('1m');
      const { id } = await dataSource.manager.save(MigrationSchema, { name: 'move', from, to });
      const { executionId } = await kit.execute(migrate, id);
      await kit.step();
      const held = await dataSource.manager.findOneByOrFail(TenantSchema, { id: to.id });
      expect(held).toMatchObject({ state: 'ok', executionId });
      await kit.clock.advance('1m');
      expect(await kit.result(executionId)).toMatchObject({ state: 'succeeded' });
      expect(await volumeStates(dataSource)).toEqual(['web-1 (copy) ok', 'web-2 (copy) ok', 'web-3 (copy) ok']);
      expect(await dataSource.manager.findOneByOrFail(TenantSchema, { id: to.id })).toMatchObject({
        executionId: null,
      });
    });
  });
});

describe('the cloud: clean up a project', () => {
  it('instances with their volumes, tenants, and the project, each asked of the cloud', async () => {
    await withCloud(async (kit, dataSource) => {
      const project = await newProject(dataSource);
      const tenant = await newTenant(dataSource, project);
      for (const name of ['web', 'db']) {
        await kit.execute(createInstance, (await newInstance(dataSource, tenant, name, 2)).id);
      }
      await kit.clock.advance('1m');
      const before = places.cloud.asked().length;
      const { executionId } = await kit.execute(cleanUpProject, project.id);
      await kit.clock.advance('2m');
      expect(await kit.result(executionId)).toMatchObject({ state: 'succeeded' });
      const destroyed = places.cloud
        .asked()
        .slice(before)
        .filter((call) => call.startsWith('destroy'));
      expect(destroyed.slice(0, 2).toSorted()).toEqual(['destroy db', 'destroy web']);
      expect(destroyed.slice(2, 6).toSorted()).toEqual(
        ['db-1', 'db-2', 'web-1', 'web-2'].map((name) => `destroy ${name}`),
      );
      expect(destroyed.at(-1)).toBe('destroy tenant');
      expect(await dataSource.manager.count(ProjectSchema)).toBe(0);
      expect([...places.cloud.objects.values()].filter(({ state }) => state !== 'GONE')).toEqual([]);
    });
  });

  it('keeps the project, and says what is left, when the cloud keeps an instance', async () => {
    await withCloud(async (kit, dataSource) => {
      const project = await newProject(dataSource);
      const tenant = await newTenant(dataSource, project);
      const web = await newInstance(dataSource, tenant, 'web', 1);
      await kit.execute(createInstance, web.id);
      await kit.clock.advance('1m');
      places.cloud.fail('destroy', 'web');
      const { executionId } = await kit.execute(cleanUpProject, project.id);
      await kit.clock.advance('2m');
      const outcome = await kit.result(executionId);
      expect(outcome).toMatchObject({ state: 'failed', error: { code: 'CLEANUP_INCOMPLETE' } });
      expect(outcome.error?.message).toContain(`cloud.instance ${web.id}`);
      expect(await dataSource.manager.count(ProjectSchema)).toBe(1);
    });
  });
});
