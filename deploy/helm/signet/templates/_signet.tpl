{{- define "signet.name" -}}
{{- $name := .Release.Name }}
{{- if not (contains "signet" $name) }}{{ $name = printf "%s-signet" $name }}{{ end }}
{{- $name | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "signet.selector" -}}
app.kubernetes.io/name: signet
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "signet.labels" -}}
{{ include "signet.selector" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "signet.image" -}}
{{- .Values.image.repository }}
{{- if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{/* What cannot work is said before anything is changed. */}}
{{- define "signet.check" -}}
{{- $c := .Values.config }}
{{- $issuer := dig "server" "issuer" "" $c }}
{{- if not $issuer }}{{ fail "config.server.issuer is not set: the https address that browsers will know this server by" }}{{ end }}
{{- if not (hasPrefix "https://" $issuer) }}{{ fail "config.server.issuer must begin with https://" }}{{ end }}
{{- if not .Values.existingSecret }}{{ fail "existingSecret is not set: a secret with master-key, and dsn for Postgres" }}{{ end }}
{{- if dig "storage" "dsn" "" $c }}{{ fail "config.storage.dsn holds a password and belongs into the secret" }}{{ end }}
{{- if or (hasKey $c "master_key") (hasKey $c "master_keys") }}{{ fail "the master key belongs into the secret, as master-key" }}{{ end }}
{{- range .Values.extraEnv }}
{{- $name := toString .name }}
{{- if eq $name "SIGNET_SERVER_SHUTDOWN_GRACE" }}{{ fail "set config.server.shutdown_grace, which pods are given the time for" }}{{ end }}
{{- if has $name (list "SIGNET_SERVER_LISTEN" "SIGNET_SERVER_INTERNAL_LISTEN") }}
{{- fail (printf "%s: the chart sets the listeners" $name) }}
{{- end }}
{{- end }}
{{- if and (not .Values.sqlite.enabled) (lt (int .Values.replicas) 1) }}{{ fail "replicas must be 1 or more" }}{{ end }}
{{- end }}

{{- define "signet.config" -}}
{{- $own := dict "server" (dict "listen" ":9400" "internal_listen" ":9401") }}
{{- if and .Values.migrateJob (not .Values.sqlite.enabled) }}{{ $_ := set $own "storage" (dict "migrate" "off") }}{{ end }}
{{- mergeOverwrite (deepCopy .Values.config) $own | toYaml }}
{{- end }}

{{- define "signet.env" -}}
{{- if not .Values.sqlite.enabled }}
- name: SIGNET_STORAGE_DSN_FILE
  value: /run/secrets/signet/dsn
{{- else }}
- name: TMPDIR
  value: /data # `backup verify` unpacks there; the root is read-only
{{- end }}
- name: SIGNET_MASTER_KEY_FILE
  value: /run/secrets/signet/master-key
- name: GOMEMLIMIT
  value: {{ .Values.memoryLimit | quote }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* How long a pod may take to end: preStop, server.shutdown_grace, and 20 s for the rest. Only what moves a time reads a duration. */}}
{{- define "signet.ends" -}}
{{- $grace := dig "server" "shutdown_grace" "15s" .Values.config | toString }}
{{- if not (regexMatch "^([0-9.]+(ms|h|m|s))+$" $grace) }}
{{- fail (printf "config.server.shutdown_grace: %s is not a duration, such as 60s" $grace) }}
{{- end }}
{{- $at := toDate "2006-01-02" "2000-01-01" }}
{{- $then := mustDateModify $grace $at }}
{{- add 25 (sub ($then | unixEpoch | int64) ($at | unixEpoch | int64)) (ternary 0 1 (regexMatch "^([0-9]+[hms])+$" $grace)) }}
{{- end }}

{{/* How long it may take to begin: where no job migrates, a pod does. */}}
{{- define "signet.begins" -}}
{{- if and .Values.migrateJob (not .Values.sqlite.enabled) }}120{{ else }}{{ int .Values.startupSeconds }}{{ end }}
{{- end }}

{{/* Something, where /tmp is the chart's: extraVolumeMounts may bring another. */}}
{{- define "signet.tmp" -}}
{{- $ours := true }}
{{- range .Values.extraVolumeMounts }}{{ if eq (toString .mountPath | trimSuffix "/") "/tmp" }}{{ $ours = false }}{{ end }}{{ end }}
{{- if $ours }}yes{{ end }}
{{- end }}

{{/* What pods that serve and the job that migrates have in common; .config names the ConfigMap. */}}
{{- define "signet.place" -}}
securityContext:
  runAsNonRoot: true # no user is named: the image says 65532, OpenShift chooses its own
  {{- with .Values.fsGroup }}
  fsGroup: {{ . }}
  {{- end }}
  seccompProfile: {type: RuntimeDefault}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
volumes:
  - name: config
    configMap: {name: {{ .config }}}
  - name: secrets
    secret:
      secretName: {{ .Values.existingSecret }}
      defaultMode: 0440
  {{- if include "signet.tmp" . }}
  - name: signet-tmp
    emptyDir: {}
  {{- end }}
  {{- with .Values.extraVolumes }}{{ toYaml . | nindent 2 }}{{ end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "signet.container" -}}
image: {{ include "signet.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
env:
  {{- include "signet.env" . | trim | nindent 2 }}
resources: {{ toYaml .Values.resources | nindent 2 }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
volumeMounts:
  - {name: config, mountPath: /etc/signet, readOnly: true}
  - {name: secrets, mountPath: /run/secrets/signet, readOnly: true}
  {{- if include "signet.tmp" . }}
  - {name: signet-tmp, mountPath: /tmp} # backups are made, fetched and tried there; the root is read-only
  {{- end }}
  {{- if .Values.sqlite.enabled }}
  - {name: data, mountPath: /data}
  {{- end }}
  {{- with .Values.extraVolumeMounts }}{{ toYaml . | nindent 2 }}{{ end }}
{{- end }}

{{- define "signet.pod" -}}
{{- $here := merge (dict "config" (include "signet.name" .)) . }}
metadata:
  labels:
    {{- include "signet.labels" . | nindent 4 }}
    {{- with .Values.podLabels }}{{ toYaml . | nindent 4 }}{{ end }}
  annotations:
    checksum/config: {{ include "signet.config" . | sha256sum }}
    {{- with .Values.podAnnotations }}{{ toYaml . | nindent 4 }}{{ end }}
spec:
  {{- include "signet.place" $here | nindent 2 }}
  terminationGracePeriodSeconds: {{ include "signet.ends" . }} # more than preStop and server.shutdown_grace
  {{- if not .Values.sqlite.enabled }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels: {{ include "signet.selector" . | nindent 10 }}
  {{- end }}
  containers:
    - name: signet
      {{- include "signet.container" . | nindent 6 }}
      args: [serve, --config, /etc/signet/config.yaml{{ if .Values.sqlite.enabled }}, --data, /data{{ end }}]
      ports:
        - {name: http, containerPort: 9400}
        - {name: metrics, containerPort: 9401}
      startupProbe: # where the pod migrates, that may take this long
        httpGet: {path: /healthz, port: http}
        periodSeconds: 5
        failureThreshold: {{ div (add (include "signet.begins" .) 4) 5 }}
      livenessProbe: # does not ask the database: a restart would not mend that
        httpGet: {path: /healthz, port: http}
        periodSeconds: 10
        timeoutSeconds: 3
      readinessProbe:
        httpGet: {path: /readyz, port: http}
        periodSeconds: 3
        timeoutSeconds: 3
        failureThreshold: 2
      lifecycle:
        preStop:
          sleep: {seconds: 5} # until nobody sends requests here any more
{{- end }}
