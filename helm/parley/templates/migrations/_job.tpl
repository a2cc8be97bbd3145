{{/* Hooks run before anything else of the release is there: their ServiceAccount and NetworkPolicy are hooks too, and come first. */}}

{{- define "parley.hook" -}}
helm.sh/hook: pre-install,pre-upgrade
helm.sh/hook-weight: {{ . | quote }}
# What fails stays to be looked at until the next attempt.
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}

{{- define "parley.migrationJob" -}}
{{- $migrate := dict "root" .root "name" (printf "migrate-%s" .package) "package" .package "values" .values }}
{{- $pod := dict "root" .root "name" "migrate" "values" .values }}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ include "parley.name" $migrate }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "parley.labels" $migrate | trim | nindent 4 }}
  annotations:
    {{- include "parley.hook" .weight | trim | nindent 4 }}
spec:
  backoffLimit: {{ int .root.Values.migrations.backoffLimit }}
  activeDeadlineSeconds: {{ int .root.Values.migrations.activeDeadlineSeconds }}
  template:
    metadata:
      {{- include "parley.podMetadata" $migrate | trim | nindent 6 }}
    spec:
      {{- include "parley.podSpec" $pod | trim | nindent 6 }}
      restartPolicy: Never
      containers:
        - name: migrate
          {{- include "parley.container" $migrate | trim | nindent 10 }}
          command: [python, -m, parley_{{ .package }}, migrate]
{{- end }}
