// The type of a dashboard as JSON: Grafana's types, with the values of its enumerations instead of their names.
import type { Dashboard, DataSourceRef, FieldConfig, FieldConfigSource, GraphFieldConfig, Panel, RowPanel } from '@grafana/schema';
import type { Options as Gauge } from '@grafana/schema/dist/esm/raw/composable/gauge/panelcfg/x/GaugePanelCfg_types.gen';
import type { Options as Logs } from '@grafana/schema/dist/esm/raw/composable/logs/panelcfg/x/LogsPanelCfg_types.gen';
import type { Options as Stat } from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type { Options as Table } from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type { Options as Text } from '@grafana/schema/dist/esm/raw/composable/text/panelcfg/x/TextPanelCfg_types.gen';
import type { Options as TimeSeries } from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

type Json<T> = T extends string
  ? `${T}`
  : T extends number | boolean | null | undefined
    ? T
    : T extends Array<infer Item>
      ? Array<Json<Item>>
      : T extends object
        ? { [Key in keyof T]: Json<T[Key]> }
        : T;

// @grafana/schema has no types of the queries of Prometheus and Loki.
type Target = { refId: string; datasource: DataSourceRef } & (
  | {
      expr: string;
      editorMode: 'code' | 'builder';
      exemplar: boolean;
      format?: 'time_series' | 'table' | 'heatmap';
      instant: boolean;
      range: boolean;
      legendFormat: string;
    }
  | { expr: string; queryType: 'range' | 'instant' | 'stream'; legendFormat?: string }
);

// What is left out of the options gets Grafana's default, so none of them must be there.
type Of<Type extends string, Options, Custom = never> = Json<Omit<Panel, 'type' | 'options' | 'fieldConfig' | 'targets'>> & {
  id: number;
  type: Type;
  options: Json<Partial<Options>>;
  targets: Target[];
  fieldConfig: { defaults: Json<Omit<FieldConfig, 'custom'>> & { custom?: Json<Custom> }; overrides: FieldConfigSource['overrides'] };
};

type AnyPanel =
  | Of<'timeseries', TimeSeries, GraphFieldConfig>
  | Of<'stat', Stat>
  | Of<'gauge', Gauge>
  | Of<'table', Table>
  | Of<'logs', Logs>
  | Of<'text', Text>
  | Json<RowPanel>;

export type Written = Json<Omit<Dashboard, 'panels'>> & { uid: string; title: string; panels: AnyPanel[] };
