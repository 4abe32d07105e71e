# The attendance suite on the official Odoo image. No secret is in here: the database is
# named by the variables HOST, PORT, USER and PASSWORD of that image's start script.
# The image brings wkhtmltopdf, which prints the attendance sheets.
FROM odoo:19.0

USER root

# In a folder of their own, because the image's Python belongs to its distribution and
# refuses other packages (PEP 668); PYTHONPATH puts them before the distribution's.
COPY requirements-build.txt requirements.txt /opt/spp/
RUN python3 -m pip install --no-cache-dir --require-hashes --no-deps --target /opt/spp/build --requirement /opt/spp/requirements-build.txt \
 && PYTHONPATH=/opt/spp/build python3 -m pip install --no-cache-dir --require-hashes --no-deps --no-build-isolation --target /opt/spp/python --requirement /opt/spp/requirements.txt \
 && rm -r /opt/spp/build
ENV PYTHONPATH=/opt/spp/python

COPY odoo.conf /etc/odoo/odoo.conf
COPY spp_oauth /mnt/extra-addons/spp_oauth
COPY spp_attendance /mnt/extra-addons/spp_attendance
COPY spp_attendance_devices /mnt/extra-addons/spp_attendance_devices
# These win over odoo.conf, which listens on 127.0.0.1 only.
ENV ODOO_ADDONS_PATH=/mnt/extra-addons ODOO_DATA_DIR=/var/lib/odoo ODOO_HTTP_INTERFACE=0.0.0.0

USER odoo
HEALTHCHECK --interval=30s --timeout=10s --start-period=120s --retries=3 \
    CMD python3 -c "import urllib.request as r; r.urlopen('http://127.0.0.1:8069/web/health', timeout=5)"
