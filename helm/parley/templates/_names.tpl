{{/* Names and labels. Most templates take a dict: root (the chart's context), name (the component), values (its values). */}}

{{- define "parley.chart" -}}
{{ .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The release's name if the chart's is in it, else <release>-parley. Short enough for what is appended. */}}
{{- define "parley.fullname" -}}
{{- $chart := include "parley.chart" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 45 | trimSuffix "-" }}
{{- else if contains $chart .Release.Name }}
{{- .Release.Name | trunc 45 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $chart | trunc 45 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* The name of a component's objects. */}}
{{- define "parley.name" -}}
{{ include "parley.fullname" .root }}-{{ .name }}
{{- end }}

{{- define "parley.selectorLabels" -}}
app.kubernetes.io/name: {{ include "parley.chart" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .name }}
{{- end }}

{{- define "parley.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{ include "parley.selectorLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: parley
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* A component's values: what `defaults` says, unless it says otherwise itself. As YAML. */}}
{{- define "parley.values" -}}
{{- $own := index .root.Values .name | default dict }}
{{- mergeOverwrite (deepCopy .root.Values.defaults) (deepCopy $own) | toYaml }}
{{- end }}

{{- define "parley.image" -}}
{{- $image := .values.image | default dict }}
{{- $global := .root.Values.image }}
{{- $repository := $image.repository | default (printf "%s%s%s" (ternary (printf "%s/" (trimSuffix "/" $global.registry)) "" (ne $global.registry "")) $global.repositoryPrefix .package) }}
{{- if $image.digest }}
{{- printf "%s@%s" $repository $image.digest }}
{{- else }}
{{- printf "%s:%s" $repository ($image.tag | default $global.tag | default .root.Chart.AppVersion) }}
{{- end }}
{{- end }}

{{/* Where a gRPC service of the release is reached. Its Service has no address of its own: callers spread over the pods. */}}
{{- define "parley.address" -}}
{{ include "parley.name" . }}:{{ include "parley.port" .name }}
{{- end }}

{{- define "parley.port" -}}
{{ get (dict "gateway" 8080 "session" 50051 "agent" 50052 "notifier" 50053 "operator" 8082) . }}
{{- end }}

{{/* The services that this release has, with spaces between. */}}
{{- define "parley.services" -}}
gateway session {{ if .Values.agent.enabled }}agent {{ end }}notifier{{ if .Values.operator.enabled }} operator{{ end }}
{{- end }}
